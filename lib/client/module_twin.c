/*
 * The module's twin: what it says of itself, and what is desired of it and its roles.
 */
#include "client/module_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"

void module_report(struct module *m, struct slice patch)
{
    module_report_add(&m->report, patch);
}

/* Several roles in one process are what 2.9 calls OpcPublisher; methods that all roles share have no
 * type of their own. */
static const char *type_of(const struct module *m)
{
    const char *type = NULL;
    for (size_t i = 0; i < m->role_count; i++) {
        const char *t = m->roles[i].ops->type;
        if (t && type)
            return "OpcPublisher";
        type = t ? t : type;
    }
    return type ? type : "OpcPublisher";
}

void module_twin_report_self(struct module *m)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "__type__"), json_put_text(&w, type_of(m));
    json_name(&w, "__version__"), json_put_text(&w, m->version);
    json_name(&w, "__siteid__");
    if (m->site)
        json_put_text(&w, m->site);
    else
        json_put_null(&w);
    json_end_object(&w);
    module_report(m, buffer_slice(&out));
    buffer_clear(&out);
}

static void take_site(struct module *m, const struct json *desired)
{
    const struct json *site = json_get(desired, "__siteid__");
    if (m->config.site || site == NULL)
        return;
    free(m->site);
    m->site = json_string(site).len ? slice_dup(json_string(site)) : NULL;
    module_twin_report_self(m);
}

static void tell_desired(struct module *m, const struct json *desired)
{
    take_site(m, desired);
    for (size_t i = 0; i < m->role_count; i++)
        if (m->roles[i].ops->on_desired)
            m->roles[i].ops->on_desired(m->roles[i].app, desired);
}

static void tell_reported(struct module *m, const struct json *reported)
{
    for (size_t i = 0; i < m->role_count; i++)
        if (m->roles[i].ops->on_reported)
            m->roles[i].ops->on_reported(m->roles[i].app, reported);
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct json_doc *doc;
    if (why != OK || json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        log_warn("twin not read why=%s", status_name(why));
        return;
    }
    const struct json *desired = json_get(json_root(doc), "desired");
    if (json_is(desired, JSON_OBJECT))
        tell_desired(arg, desired);
    tell_reported(arg, json_get(json_root(doc), "reported"));
    json_free(&doc);
}

void module_twin_read(struct module *m)
{
    device_client_twin_get(m->client, on_twin, m);
}

void module_twin_on_desired(void *arg, struct slice patch, uint64_t version)
{
    struct json_doc *doc;
    (void)version;
    if (json_parse(patch, JSON_STRICT, &doc, NULL) != OK)
        return;
    tell_desired(arg, json_root(doc));
    json_free(&doc);
}
