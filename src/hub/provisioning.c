#include "hub/provisioning.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "iot/connection_string.h"
#include "rest/metrics.h"

/* clang-format off */
const struct setting hub_provisioning_settings[] = {
    {"dps", SETTING_BOOL, "true", "serve device provisioning, too", 0, 0, NULL, false},
    {"dps.id-scope", SETTING_TEXT, NULL, "ID scope of provisioning; made at first start when absent", 0, 0, NULL, false},
    {"dps.hubs", SETTING_LIST, NULL, "connection strings of further hubs that devices may be assigned to", 0, 0, NULL, true},
    {"dps.ca", SETTING_PATH, NULL, "PEM file of authorities for those hubs and webhooks; whom the machine trusts when absent", 0, 0, NULL, false},
    {"dps.authorities", SETTING_LIST, NULL, "name=file.pem of authorities that enrollments name as caReferences", 0, 0, NULL, false},
    {"dps.retry", SETTING_DURATION, "3s", "how long a device waits before it asks again how far its registration is", 1000, 600000, NULL, false},
    {"dps.requests", SETTING_INTEGER, "1000", "requests of devices in a minute, further ones are answered 429; 0: any number", 0, INT32_MAX, NULL, false},
};
const size_t hub_provisioning_settings_count = sizeof(hub_provisioning_settings) / sizeof(hub_provisioning_settings[0]);
/* clang-format on */

/* ---- its files ---- */

static char *file_in(const char *data, const char *name)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", data, name);
    char *text = slice_dup(buffer_slice(&path));
    buffer_clear(&path);
    return text;
}

static enum status load_policies(const char *data, struct policies **out)
{
    char *path = file_in(data, "dps-policies.json");
    enum status s = policies_load(&dps_policies_kind, path, out);
    free(path);
    return s;
}

static enum status load_scope(const char *data, struct buffer *out)
{
    char *path = file_in(data, "dps-id-scope");
    enum status s = dps_id_scope_load(path, out);
    free(path);
    return s;
}

/* ---- the hubs ---- */

/* Its own REST is where it listens, whatever its name leads to from here. */
static char *own_url(const struct settings *s)
{
    struct buffer url = {0};
    struct slice host = slice_of(settings_text(s, "listen"));
    if (slice_eq(host, SLICE("0.0.0.0")))
        host = SLICE("127.0.0.1");
    if (slice_eq(host, SLICE("::")))
        host = SLICE("::1");
    bool v6 = slice_find(host, ':') < host.len;
    buffer_printf(&url, v6 ? "https://[%.*s]:%d" : "https://%.*s:%d", SLICE_FMT(host),
                  (int)settings_integer(s, "https.port"));
    char *text = slice_dup(buffer_slice(&url));
    buffer_clear(&url);
    return text;
}

static char *own_connection_string(const struct hub *hub)
{
    struct buffer text = {0};
    struct slice owner = SLICE("iothubowner");
    iot_connection_string_print(
        &(struct iot_connection_string){.host_name = slice_of(hub->name),
                                        .key_name = owner,
                                        .key = policies_key(hub->policies, owner, false)},
        &text);
    char *copy = slice_dup(buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

/* ---- opening ---- */

static enum status open_with(const struct hub *hub, const struct settings *s,
                             const char *own_ca_file, const char *scope,
                             const struct policies *policies, struct dps **out)
{
    const char *data = settings_text(s, "data"), *const *more, *const *authorities;
    size_t count = settings_list(s, "dps.hubs", &more);
    struct dps_hub_config *hubs = memory_new((count + 1) * sizeof *hubs);
    char *path = file_in(data, "dps.db"), *url = own_url(s), *own = own_connection_string(hub);
    (void)settings_list(s, "dps.authorities", &authorities);
    hubs[0] = (struct dps_hub_config){.connection_string = own,
                                      .url = url,
                                      .ca_file = own_ca_file};
    for (size_t i = 0; i < count; i++)
        hubs[i + 1] = (struct dps_hub_config){.connection_string = more[i],
                                              .ca_file = settings_text(s, "dps.ca")};
    enum status status = dps_open(
        &(struct dps_config){
            .loop = hub->loops[0].loop,
            .path = path,
            .id_scope = scope,
            .hosts = hub->aliases,
            .policies = policies,
            .hubs = hubs,
            .hub_count = count + 1,
            .authorities = authorities,
            .webhook_ca_file = settings_text(s, "dps.ca"),
            .retry_ms = settings_ms(s, "dps.retry"),
            .requests_per_minute = (uint64_t)settings_integer(s, "dps.requests"),
        },
        out);
    free(path);
    free(url);
    free(own);
    free(hubs);
    return status;
}

enum status hub_provisioning_open(const struct hub *hub, const struct settings *s,
                                  const char *own_ca_file, struct hub_provisioning *out)
{
    const char *data = settings_text(s, "data"), *scope = settings_text(s, "dps.id-scope");
    *out = (struct hub_provisioning){0};
    if (!settings_bool(s, "dps"))
        return OK;
    enum status status = load_policies(data, &out->policies);
    if (status == OK && scope)
        buffer_text(&out->scope, scope);
    else if (status == OK)
        status = load_scope(data, &out->scope);
    if (status == OK)
        status = open_with(hub, s, own_ca_file, buffer_cstr(&out->scope), out->policies, &out->dps);
    if (status != OK)
        hub_provisioning_close(out);
    else
        log_info("provisioning is served id-scope=%s", dps_id_scope(out->dps));
    return status;
}

void hub_provisioning_close(struct hub_provisioning *p)
{
    dps_close(&p->dps);
    policies_free(&p->policies);
    buffer_clear(&p->scope);
}

/* ---- what it tells ---- */

void hub_provisioning_collect(const struct dps *d, struct buffer *out)
{
    if (d == NULL)
        return;
    struct dps_count c = dps_count(d);
    const struct {
        const char *name, *help;
        enum rest_metric_type type;
        uint64_t value;
    } rows[] = {
        {"millrace_dps_requests_total", "requests of devices for provisioning", REST_COUNTER, c.requests},
        {"millrace_dps_refused_total", "those with wrong credentials", REST_COUNTER, c.refused},
        {"millrace_dps_assigned_total", "registrations that were assigned", REST_COUNTER, c.assigned},
        {"millrace_dps_failed_total", "registrations that were not", REST_COUNTER, c.failed},
        {"millrace_dps_operations", "operations that devices may ask about", REST_GAUGE, c.operations},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rest_metrics_put_head(out, rows[i].name, rows[i].type, rows[i].help);
        rest_metrics_put(out, rows[i].name, NULL, (double)rows[i].value);
    }
}

static int print_policy(const char *name, const struct policies *p, struct slice policy)
{
    struct slice key = policies_key(p, policy, false);
    struct buffer text = {0};
    if (key.len == 0) {
        fprintf(stderr, "provisioning has no policy '%.*s'\n", SLICE_FMT(policy));
        return 1;
    }
    iot_connection_string_print(
        &(struct iot_connection_string){
            .host_name = slice_of(name), .key_name = policy, .key = key},
        &text);
    puts(buffer_cstr(&text));
    buffer_clear(&text);
    return 0;
}

int hub_provisioning_print(const char *data, const char *name, const char *policy, bool id_scope)
{
    struct policies *p = NULL;
    struct buffer scope = {0};
    int code = 1;
    if (id_scope) {
        if (load_scope(data, &scope) == OK) {
            puts(buffer_cstr(&scope));
            code = 0;
        }
    } else if (load_policies(data, &p) == OK) {
        code = print_policy(name, p, slice_of(policy ? policy : "provisioningserviceowner"));
    }
    buffer_clear(&scope);
    policies_free(&p);
    return code;
}
