#include "client/module_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

#define TOKEN_BITS 56 /* of a role's own; above them stands which role */

/* ---- the connection ---- */

static void tell_connected(struct module *m, bool connected)
{
    for (size_t i = 0; i < m->role_count; i++)
        if (m->roles[i].ops->on_connected)
            m->roles[i].ops->on_connected(m->roles[i].app, connected);
}

static void on_connected(void *arg)
{
    struct module *m = arg;
    module_twin_report_self(m);
    module_twin_read(m);
    tell_connected(m, true);
}

static void on_disconnected(void *arg, enum status why)
{
    (void)why;
    tell_connected(arg, false);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct module *m = arg;
    struct module_role *r = &m->roles[token >> TOKEN_BITS];
    if (r->ops->on_sent)
        r->ops->on_sent(r->app, token & ((1ull << TOKEN_BITS) - 1), why);
}

static void on_room(void *arg)
{
    struct module *m = arg;
    for (size_t i = 0; i < m->role_count; i++)
        if (m->roles[i].ops->on_room)
            m->roles[i].ops->on_room(m->roles[i].app);
}

static const struct device_client_events events = {
    .on_connected = on_connected,
    .on_disconnected = on_disconnected,
    .on_sent = on_sent,
    .on_room = on_room,
    .on_method = module_calls_on_method,
    .on_desired = module_twin_on_desired,
};

enum status module_send(struct module_role *r, const struct iot_message *message, uint64_t token)
{
    assert(token >> TOKEN_BITS == 0);
    if (r->module->client == NULL)
        return FULL;
    return device_client_send(r->module->client, message, r->index << TOKEN_BITS | token);
}

/* ---- life ---- */

struct module *module_new(const struct module_config *config)
{
    struct module *m = MEMORY_NEW(struct module);
    m->config = *config;
    m->site = config->site ? memory_text(config->site) : NULL;
    m->version = memory_text(config->version ? config->version : MILLRACE_VERSION);
    m->device_id = memory_text(config->device.device_id);
    m->module_id = memory_text(config->device.module_id ? config->device.module_id : "");
    m->config.site = m->site; /* whether it was configured; the text is not read through it */
    module_calls_init(m);
    return m;
}

struct module_role *module_add(struct module *m, const struct module_role_ops *ops, void *app)
{
    assert(m->client == NULL && m->role_count < MODULE_ROLES_MAX);
    struct module_role *r = &m->roles[m->role_count];
    *r = (struct module_role){m, ops, app, m->role_count++};
    for (size_t i = 0; i < ops->method_count; i++)
        module_calls_add(r, &ops->methods[i]);
    return r;
}

void module_start(struct module *m)
{
    m->config.device.events = &events;
    m->config.device.arg = m;
    m->client = m->report.client = device_client_new(&m->config.device);
}

void module_free(struct module **out)
{
    struct module *m = *out;
    size_t at = 0;
    if (m == NULL)
        return;
    module_calls_clear(m);
    device_client_free(&m->client);
    for (struct map_entry *e; (e = map_next(&m->methods, &at)) != NULL;)
        free(e->value);
    map_clear(&m->methods);
    module_report_clear(&m->report);
    free(m->site);
    free(m->version);
    free(m->device_id);
    free(m->module_id);
    free(m);
    *out = NULL;
}

struct loop *module_loop(const struct module *m)
{
    return m->config.device.loop;
}

const char *module_site(const struct module *m)
{
    return m->site ? m->site : "";
}

const char *module_device_id(const struct module *m)
{
    return m->device_id;
}

const char *module_id(const struct module *m)
{
    return m->module_id;
}
