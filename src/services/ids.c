#include "services/ids.h"

#include <ctype.h>
#include <stdio.h>

#include "base/encoding.h"
#include "crypto/digest.h"

static void put_lower(struct slice s, struct buffer *out)
{
    for (size_t i = 0; i < s.len; i++)
        buffer_u8(out, (uint8_t)tolower(s.at[i]));
}

static void finish(const char *prefix, struct buffer *text, char out[SERVICES_ID_MAX])
{
    uint8_t digest[CRYPTO_SHA1_LEN];
    crypto_sha1(buffer_slice(text), digest);
    buffer_reset(text);
    hex_encode(slice_from(digest, sizeof(digest)), text);
    snprintf(out, SERVICES_ID_MAX, "%s%s", prefix, buffer_cstr(text));
    buffer_clear(text);
}

void services_ids_application(struct slice site, struct slice type, struct slice uri,
                              char out[SERVICES_ID_MAX])
{
    struct buffer text = {0};
    buffer_put(&text, site);
    buffer_u8(&text, '-');
    buffer_put(&text, type);
    buffer_u8(&text, '-');
    put_lower(uri, &text);
    finish(slice_eq(type, SLICE("Client")) ? "uac" : "uas", &text, out);
}

void services_ids_endpoint(struct slice url, struct slice application, struct slice mode,
                           struct slice policy, char out[SERVICES_ID_MAX])
{
    bool best = mode.len == 0 || slice_eq(mode, SLICE("None"));
    struct buffer text = {0};
    put_lower(url, &text);
    buffer_u8(&text, '-');
    buffer_put(&text, application);
    buffer_u8(&text, '-');
    buffer_put(&text, best ? SLICE("Best") : mode);
    buffer_u8(&text, '-');
    put_lower(policy, &text);
    finish("uat", &text, out);
}

#define BETWEEN SLICE("_module_")

struct iot_id services_ids_module(struct slice id)
{
    size_t at = slice_find_slice(id, BETWEEN);
    if (at == id.len)
        return (struct iot_id){.device = id};
    return (struct iot_id){slice_first(id, at), slice_skip(id, at + BETWEEN.len)};
}

void services_ids_put_module(struct iot_id id, struct buffer *out)
{
    buffer_put(out, id.device);
    if (id.module.len > 0) {
        buffer_put(out, BETWEEN);
        buffer_put(out, id.module);
    }
}
