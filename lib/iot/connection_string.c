#include "iot/connection_string.h"

#include <stddef.h>

/* In the order in which they are printed. */
static const struct part {
    const char *name;
    size_t place;
} parts[] = {
    {"Endpoint", offsetof(struct iot_connection_string, endpoint)},
    {"HostName", offsetof(struct iot_connection_string, host_name)},
    {"DeviceId", offsetof(struct iot_connection_string, device_id)},
    {"ModuleId", offsetof(struct iot_connection_string, module_id)},
    {"SharedAccessKeyName", offsetof(struct iot_connection_string, key_name)},
    {"SharedAccessKey", offsetof(struct iot_connection_string, key)},
    {"SharedAccessSignature", offsetof(struct iot_connection_string, signature)},
    {"x509", offsetof(struct iot_connection_string, x509)},
    {"GatewayHostName", offsetof(struct iot_connection_string, gateway_host_name)},
    {"EntityPath", offsetof(struct iot_connection_string, entity_path)},
    {"UseDevelopmentEmulator", offsetof(struct iot_connection_string, development_emulator)},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static struct slice *place_of(struct iot_connection_string *c, struct slice name)
{
    for (size_t n = 0; n < PARTS; n++)
        if (slice_eq_nocase(name, slice_of(parts[n].name)))
            return (struct slice *)((char *)c + parts[n].place);
    return NULL;
}

static enum status take_part(struct slice part, struct iot_connection_string *c)
{
    size_t equals = slice_find(part, '=');
    if (equals == part.len || equals == 0)
        return BAD_FORMAT;
    struct slice *place = place_of(c, slice_first(part, equals));
    if (!place)
        return OK;
    if (place->len)
        return BAD_FORMAT;
    *place = slice_skip(part, equals + 1);
    return OK;
}

enum status iot_connection_string_parse(struct slice text, struct iot_connection_string *out)
{
    struct iot_connection_string c = {0};
    struct slice rest = slice_trim(text), part;
    if (rest.len == 0)
        return BAD_FORMAT;
    if (rest.len > IOT_CONNECTION_STRING_MAX)
        return TOO_LARGE;
    while (slice_split(&rest, ';', &part)) {
        part = slice_trim(part);
        enum status s = part.len ? take_part(part, &c) : OK; /* a ';' at the end is common */
        if (s != OK)
            return s;
    }
    if (c.host_name.len == 0 && c.endpoint.len == 0)
        return BAD_FORMAT;
    *out = c;
    return OK;
}

void iot_connection_string_print(const struct iot_connection_string *c, struct buffer *out)
{
    bool first = true;
    for (size_t n = 0; n < PARTS; n++) {
        struct slice value = *(const struct slice *)((const char *)c + parts[n].place);
        if (value.len == 0)
            continue;
        buffer_printf(out, "%s%s=", first ? "" : ";", parts[n].name);
        buffer_put(out, value);
        first = false;
    }
}
