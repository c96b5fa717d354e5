#include "blob/xml.h"

#include <stdio.h>

void xml_put_text(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        switch (b) {
        case '<':
            buffer_text(out, "&lt;");
            break;
        case '>':
            buffer_text(out, "&gt;");
            break;
        case '&':
            buffer_text(out, "&amp;");
            break;
        case '"':
            buffer_text(out, "&quot;");
            break;
        default:
            buffer_u8(out, b < ' ' && b != '\t' && b != '\n' && b != '\r' ? '?' : b);
        }
    }
}

void xml_put(struct buffer *out, const char *name, struct slice text)
{
    buffer_printf(out, "<%s>", name);
    xml_put_text(out, text);
    buffer_printf(out, "</%s>", name);
}

void xml_put_number(struct buffer *out, const char *name, uint64_t v)
{
    buffer_printf(out, "<%s>%llu</%s>", name, (unsigned long long)v, name);
}
