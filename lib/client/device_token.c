/* What a device client signs in with: a token of its own key, one that it was given, or nothing. */
#include "base/encoding.h"
#include "base/log.h"
#include "client/device_priv.h"
#include "token/sas.h"

void device_put_audience(struct device_client *c, struct buffer *out)
{
    const struct device_client_config *k = &c->config;
    bool by_actor = k->auth_chain && k->actor_device_id;
    const char *module = by_actor ? k->actor_module_id : k->module_id;
    buffer_printf(out, "%s/devices/%s", k->hub_host, by_actor ? k->actor_device_id : k->device_id);
    if (module)
        buffer_printf(out, "/modules/%s", module);
}

static enum status sign(struct device_client *c, struct buffer *out)
{
    struct buffer plain = {0}, resource = {0};
    device_put_audience(c, &plain);
    percent_encode(buffer_slice(&plain), &resource);
    enum status s = sas_make(buffer_slice(&resource), slice_of(c->config.key), (struct slice){0},
                             loop_wall_ms(c->config.loop) + DEVICE_TOKEN_MS, out);
    buffer_clear(&plain);
    buffer_clear(&resource);
    return s;
}

enum status device_put_token(struct device_client *c, struct buffer *out)
{
    if (c->config.key == NULL) {
        buffer_text(out, c->config.signature);
        return OK;
    }
    enum status s = sign(c, out);
    if (s != OK)
        log_error("key is not base64 device=%s module=%s", device_who(c), device_who_module(c));
    return s;
}
