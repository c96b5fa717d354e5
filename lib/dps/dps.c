#include "dps/dps.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/certificate.h"
#include "crypto/random.h"
#include "dps/dps_priv.h"
#include "iot/connection_string.h"

/* ---- policies and the ID scope ---- */

static const struct policies_right rights[] = {
    {"ServiceConfig", DPS_SERVICE_CONFIG, 0},
    {"EnrollmentRead", DPS_ENROLLMENT_READ_RIGHT, 0},
    {"EnrollmentWrite", DPS_ENROLLMENT_WRITE_RIGHT, DPS_ENROLLMENT_READ_RIGHT},
    {"RegistrationStatusRead", DPS_REGISTRATION_READ_RIGHT, 0},
    {"RegistrationStatusWrite", DPS_REGISTRATION_WRITE_RIGHT, DPS_REGISTRATION_READ_RIGHT},
    {"DeviceConnect", DPS_DEVICE_CONNECT, 0},
    {NULL, 0, 0},
};

#define ALL                                                                                        \
    (DPS_SERVICE_CONFIG | DPS_ENROLLMENT_READ_RIGHT | DPS_ENROLLMENT_WRITE_RIGHT |                 \
     DPS_REGISTRATION_READ_RIGHT | DPS_REGISTRATION_WRITE_RIGHT | DPS_DEVICE_CONNECT)

static const struct policies_default defaults[] = {
    {"provisioningserviceowner", ALL},
    {"enrollmentread", DPS_ENROLLMENT_READ_RIGHT},
    {"enrollmentwrite", DPS_ENROLLMENT_READ_RIGHT | DPS_ENROLLMENT_WRITE_RIGHT},
    {"registrationread", DPS_REGISTRATION_READ_RIGHT},
    {"registrationwrite", DPS_REGISTRATION_READ_RIGHT | DPS_REGISTRATION_WRITE_RIGHT},
    {NULL, 0},
};

const struct policies_kind dps_policies_kind = {rights, defaults};

static bool scope_ok(struct slice scope)
{
    return dps_id_ok(scope) && slice_find(scope, ':') == scope.len;
}

enum status dps_id_scope_load(const char *path, struct buffer *out)
{
    struct buffer text = {0};
    enum status s = file_read(path, &text);
    if (s == NOT_FOUND) {
        uint8_t random[4];
        crypto_random(random, sizeof random);
        buffer_printf(&text, "0ne%02X%02X%02X%02X\n", random[0], random[1], random[2], random[3]);
        s = file_write_public(path, buffer_slice(&text));
    }
    struct slice scope = slice_trim(buffer_slice(&text));
    if (s == OK && !scope_ok(scope)) {
        log_error("the file has no ID scope: remove it, and a new one is made path=%s", path);
        s = BAD_FORMAT;
    }
    if (s == OK)
        buffer_put(out, scope);
    buffer_clear(&text);
    return s;
}

enum status dps_service_may(const struct dps *d, struct slice token, struct slice path,
                            unsigned wanted, uint64_t now_ms)
{
    return policies_check(d->policies, NULL, d->hosts, token, path, wanted, now_ms);
}

/* ---- opening ---- */

static enum status open_hub(struct dps *d, const struct dps_hub_config *c)
{
    struct iot_connection_string parts;
    struct dps_hub *hub = &d->hubs[d->hub_count];
    if (iot_connection_string_parse(slice_of(c->connection_string), &parts) != OK) {
        log_error("a linked hub's connection string cannot be read hub=%zu", d->hub_count);
        return BAD_FORMAT;
    }
    struct slice host = parts.host_name;
    hub->name = arena_copy(&d->arena, slice_first(host, slice_find(host, ':')));
    if (dps_hub_named(d, hub->name)) {
        log_error("a hub is linked twice hub=%.*s", SLICE_FMT(hub->name));
        return BAD_ARGUMENT;
    }
    hub->rest = rest_client_new(
        &(struct rest_client_config){.loop = d->loop, .ca_file = c->ca_file, .active = 16});
    enum status s = service_client_new(
        &(struct service_client_config){.loop = d->loop,
                                        .rest = hub->rest,
                                        .connection_string = c->connection_string,
                                        .url = c->url},
        &hub->client);
    if (s != OK) {
        log_error("a linked hub's connection string is of no shared access policy hub=%.*s",
                  SLICE_FMT(hub->name));
        rest_client_free(&hub->rest);
        return s;
    }
    d->hub_names[d->hub_count++] = hub->name;
    return OK;
}

/* "name=/path/ca.pem" */
static enum status open_authority(struct dps *d, struct slice text)
{
    size_t equals = slice_find(text, '=');
    struct buffer pem = {0}, der = {0};
    const char *path = arena_text(&d->arena, slice_skip(text, equals + 1));
    enum status s = equals == 0 || equals >= text.len ? BAD_ARGUMENT : file_read(path, &pem);
    if (s == OK)
        s = certificate_der(buffer_slice(&pem), &der);
    if (s == OK)
        d->authority_list[d->authorities.count++] =
            (struct dps_authority){arena_copy(&d->arena, slice_first(text, equals)),
                                   arena_copy(&d->arena, buffer_slice(&der))};
    else
        log_error("an authority for provisioning must be name=file.pem authority=%.*s status=%s",
                  SLICE_FMT(text), status_name(s));
    buffer_clear(&pem);
    buffer_clear(&der);
    return s;
}

static enum status open_authorities(struct dps *d, const char *const *texts)
{
    size_t count = 0;
    while (texts && texts[count])
        count++;
    d->authority_list = arena_take(&d->arena, (count + 1) * sizeof *d->authority_list);
    d->authorities.at = d->authority_list;
    enum status s = OK;
    for (size_t i = 0; s == OK && i < count; i++)
        s = open_authority(d, slice_of(texts[i]));
    return s;
}

static enum status interrupted(struct store_table *t, void *arg)
{
    (void)arg;
    return store_run(t, SQL_INTERRUPTED);
}

static enum status open_table(struct dps *d, const char *path)
{
    return store_table_open(
        &(struct store_table_config){
            .path = path,
            .migrations = dps_migrations,
            .migration_count = dps_migration_count,
            .statements = dps_statements,
            .statement_count = SQL_COUNT,
            .first = interrupted,
            .inline_errands = strcmp(path, ":memory:") == 0,
        },
        &d->table);
}

enum status dps_open(const struct dps_config *config, struct dps **out)
{
    struct dps *d = MEMORY_NEW(struct dps);
    d->loop = config->loop;
    d->id_scope = config->id_scope;
    d->hosts = config->hosts;
    d->policies = config->policies;
    d->retry_ms = config->retry_ms;
    d->requests_per_minute = config->requests_per_minute;
    d->tokens = (double)config->requests_per_minute;
    list_init(&d->operation_list);
    d->webhooks = rest_client_new(&(struct rest_client_config){
        .loop = d->loop, .ca_file = config->webhook_ca_file, .body_bytes = DPS_ANSWER_MAX});
    enum status s = scope_ok(slice_of(config->id_scope)) ? OK : BAD_ARGUMENT;
    if (s != OK)
        log_error("no ID scope: letters, digits and - . _ are expected id-scope=%s",
                  config->id_scope);
    for (size_t i = 0; s == OK && i < config->hub_count; i++)
        s = d->hub_count < DPS_HUBS_MAX ? open_hub(d, &config->hubs[i]) : TOO_LARGE;
    if (s == OK)
        s = open_authorities(d, config->authorities);
    if (s == OK)
        s = open_table(d, config->path);
    if (s != OK)
        dps_close(&d);
    *out = d;
    return s;
}

const char *dps_id_scope(const struct dps *d)
{
    return d->id_scope;
}

const struct dps_hub *dps_hub_named(const struct dps *d, struct slice name)
{
    for (size_t i = 0; i < d->hub_count; i++)
        if (slice_eq_nocase(d->hubs[i].name, name))
            return &d->hubs[i];
    return NULL;
}

struct dps_count dps_count(const struct dps *d)
{
#define NOW(field) __atomic_load_n(&d->count.field, __ATOMIC_RELAXED)
    return (struct dps_count){NOW(requests), NOW(refused), NOW(assigned), NOW(failed),
                              NOW(operations)};
#undef NOW
}

/* ---- the table ---- */

struct refused {
    store_table_done *done;
    void *arg;
};

static void answer_busy(void *arg)
{
    struct refused *f = arg;
    f->done(f->arg, BUSY);
    free(f);
}

void dps_post(struct dps *d, struct loop *loop, store_table_errand *run, store_table_done *done,
              void *arg)
{
    if (store_table_post(d->table, loop, run, done, arg) == OK)
        return;
    struct refused *f = MEMORY_NEW(struct refused);
    *f = (struct refused){done, arg};
    loop_post(loop, answer_busy, f);
}
