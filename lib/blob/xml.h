/* The little XML that Azure Storage's answers need. Pure. */
#pragma once

#include "base/buffer.h"

#define XML_PROLOG "<?xml version=\"1.0\" encoding=\"utf-8\"?>"

/* Escaped; what XML 1.0 cannot carry becomes a question mark. */
void xml_put_text(struct buffer *out, struct slice text);
/* <name>text</name> */
void xml_put(struct buffer *out, const char *name, struct slice text);
void xml_put_number(struct buffer *out, const char *name, uint64_t v);
