#include "iot/identity.h"

static bool is_name_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-.+%_#*?!(),=@$':;", c));
}

bool iot_id_name_ok(struct slice name)
{
    for (size_t n = 0; n < name.len; n++)
        if (!is_name_letter(name.at[n]))
            return false;
    return name.len > 0 && name.len <= IOT_ID_MAX;
}

bool iot_id_eq(struct iot_id a, struct iot_id b)
{
    return slice_eq(a.device, b.device) && slice_eq(a.module, b.module);
}

struct iot_id iot_id_copy(struct arena *a, struct iot_id id)
{
    struct iot_id copy = {.device = arena_copy(a, id.device)};
    if (id.module.len)
        copy.module = arena_copy(a, id.module);
    return copy;
}

void iot_id_print(struct iot_id id, struct buffer *out)
{
    buffer_put(out, id.device);
    if (id.module.len) {
        buffer_u8(out, '/');
        buffer_put(out, id.module);
    }
}

bool iot_id_parse(struct slice text, struct iot_id *out)
{
    size_t slash = slice_find(text, '/');
    struct iot_id id = {.device = slice_first(text, slash)};
    if (slash < text.len) {
        id.module = slice_skip(text, slash + 1);
        if (!iot_id_name_ok(id.module))
            return false;
    }
    if (!iot_id_name_ok(id.device))
        return false;
    *out = id;
    return true;
}

unsigned iot_id_part(struct iot_id id, unsigned n)
{
    return (unsigned)(slice_hash(id.device) % n);
}
