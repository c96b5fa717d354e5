#include "services/services_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/server_files.h"
#include "io/server_tls.h"
#include "io/trim.h"
#include "iot/connection_string.h"
#include "rest/health.h"
#include "services/discoverers.h"
#include "services/events.h"
#include "services/fleet_watch.h"
#include "services/live.h"
#include "services/mirror.h"
#include "services/onboarding.h"
#include "services/services.h"
#include "services/twin_call.h"
#include "services/values.h"
#include "settings/settings.h"

/* clang-format off */
static const struct setting table[] = {
    {"name", SETTING_TEXT, "localhost", "host name of this machine, as clients use it", 0, 0, NULL, false},
    {"alias", SETTING_LIST, NULL, "further names and addresses that clients use", 0, 0, NULL, false},
    {"data", SETTING_PATH, "~/.local/state/millrace/services", "folder for everything that is kept", 0, 0, NULL, false},
    {"listen", SETTING_TEXT, "0.0.0.0", "address to listen on", 0, 0, NULL, false},
    {"https.port", SETTING_INTEGER, "9042", "the REST services; 0 is any free one", 0, 65535, NULL, false},
    {"http.plain", SETTING_TEXT, NULL, "loopback address:port for REST without TLS; for tests and proxies", 0, 0, NULL, false},
    {"tls.certificate", SETTING_PATH, NULL, "PEM file with the chain; made at first start when absent", 0, 0, NULL, false},
    {"tls.key", SETTING_PATH, NULL, "PEM file of its key", 0, 0, NULL, false},
    {"hub.connection", SETTING_TEXT, NULL, "connection string of a policy that may read and write identities and invoke methods", 0, 0, NULL, true},
    {"hub.url", SETTING_TEXT, NULL, "the hub's REST; default: https:// and the HostName", 0, 0, NULL, false},
    {"hub.ca", SETTING_PATH, NULL, "PEM file of the authority that signed the hub's certificate", 0, 0, NULL, false},
    {"events.host", SETTING_TEXT, NULL, "the hub's AMQP; default: the HostName", 0, 0, NULL, false},
    {"events.port", SETTING_INTEGER, "5671", "its port", 1, 65535, NULL, false},
    {"events.name", SETTING_TEXT, "millrace", "name of the Event-Hub-compatible entity", 0, 0, NULL, false},
    {"events.group", SETTING_TEXT, "onboarding", "consumer group that reads discoveries", 0, 0, NULL, false},
    {"discovery.module", SETTING_TEXT, "discovery", "id of the modules that discover", 0, 0, NULL, false},
    {"discovery.list", SETTING_LIST, NULL, "discoverers, {device}_module_{module}; default: looked up at the hub", 0, 0, NULL, false},
    {"twin.module", SETTING_TEXT, "twin", "id of the modules that talk to endpoints", 0, 0, NULL, false},
    {"publisher.module", SETTING_TEXT, "publisher", "id of the modules that publish", 0, 0, NULL, false},
    {"twin.timeout", SETTING_DURATION, "60s", "how long they may take for a call", 5000, 300000, NULL, false},
    {"auth.required", SETTING_BOOL, "true", "whether callers need a token; without, only loopback is listened on", 0, 0, NULL, false},
    {"auth.authority", SETTING_TEXT, NULL, "URL of the issuer, under which /.well-known/openid-configuration is", 0, 0, NULL, false},
    {"auth.issuers", SETTING_LIST, NULL, "what a token's iss may be; default: what the issuer calls itself", 0, 0, NULL, false},
    {"auth.audiences", SETTING_LIST, "api://millrace", "what a token's aud may be", 0, 0, NULL, false},
    {"auth.tenants", SETTING_LIST, NULL, "what a token's tid may be; default: not looked at, for issuers of one tenant", 0, 0, NULL, false},
    {"auth.scopes", SETTING_LIST, NULL, "a person's token needs one of them, such as user_impersonation; default: not looked at", 0, 0, NULL, false},
    {"auth.skew", SETTING_DURATION, "60s", "how far the issuer's clock may be off", 1, 3600000, NULL, false},
    {"auth.roles", SETTING_BOOL, "true", "whether changes need the roles Write, Admin or Sign", 0, 0, NULL, false},
    {"auth.roles.claims", SETTING_LIST, NULL, "where a token has roles: names of claims, with dots for those inside others, such as realm_access.roles; default: roles", 0, 0, NULL, false},
    {"auth.roles.map", SETTING_LIST, NULL, "what the issuer calls them, such as operators=Write, scope:plant.admin=Admin; default: as we do", 0, 0, NULL, false},
    {"auth.keys", SETTING_DURATION, "10m", "how long the issuer's keys are believed without being asked for again", 1000, 86400000, NULL, false},
    {"auth.ca", SETTING_PATH, NULL, "PEM file of the authority that signed the issuer's certificate", 0, 0, NULL, false},
    {"audit", SETTING_BOOL, "true", "records in audit.log of the data folder who changes what; 'millrace audit FOLDER' looks at it", 0, 0, NULL, false},
    SETTINGS_LOG,
};
/* clang-format on */

static const struct settings_program program = {
    "services",
    "The REST services: registry of applications and endpoints, and the twin's browse, read, "
    "write, call.",
    table,
    sizeof(table) / sizeof(table[0]),
};

struct program {
    struct settings *settings;
    struct services services;
    struct trim trim;
    struct rest_client *hub_rest, *issuer_rest;
    struct services_onboarding *onboarding;
    struct mirror *mirror; /* NULL without a hub */
    struct tls_client *hub_tls;
    struct services_events *events; /* NULL without a hub */
    struct rest_health *health;
    struct rest_server *server;
    struct server_tls *tls;
    const char **names;
    char tls_directory[512];
    struct listener *listeners[2];
};

/* The longest twin.timeout and TWIN_QUESTION_MS for the audit log before it, both with a second time for a large answer
 * and service_client's own wait for the hub (5 s each), and lookups in the registry. What is answered with 504 is
 * not done afterwards. */
#define REQUEST_MS 345000
#define BODY_BYTES (4u << 20) /* a publisher's configuration may be so large */

/* ---- what /readyz says ---- */

static bool hub_ready(void *arg, struct buffer *detail)
{
    const struct program *p = arg;
    if (p->services.hub == NULL)
        buffer_text(detail, "hub.connection is not set");
    return p->services.hub != NULL;
}

static bool events_ready(void *arg, struct buffer *detail)
{
    const struct program *p = arg;
    if (p->events && services_events_connected(p->events))
        return true;
    buffer_text(detail, "the hub's stream is not being read");
    return false;
}

static bool registry_ready(void *arg, struct buffer *detail)
{
    const struct program *p = arg;
    struct services_onboarding_counts counts = services_onboarding_counts(p->onboarding);
    buffer_printf(detail, "discoveries merged %llu, pending %zu, dropped %llu",
                  (unsigned long long)counts.merged, counts.pending,
                  (unsigned long long)counts.dropped);
    if (p->mirror) {
        struct mirror_counts twins = mirror_counts(p->mirror);
        buffer_printf(detail, ", twins written to the hub %llu, refused %llu, waiting %zu",
                      (unsigned long long)twins.written, (unsigned long long)twins.refused, twins.waiting);
    }
    return true;
}

/* ---- parts ---- */

static void on_news(void *arg, bool endpoint, struct slice json)
{
    struct program *p = arg;
    if (p->services.live)
        live_tell(p->services.live, endpoint ? LIVE_ENDPOINTS : LIVE_APPLICATIONS, (struct slice){0},
                  endpoint ? "EndpointEvent" : "ApplicationEvent", json);
}

static enum status open_registry(struct program *p)
{
    const char *data = settings_text(p->settings, "data");
    enum status s = file_make_directory(data);
    if (s != OK)
        return s;
    struct buffer path = {0};
    buffer_printf(&path, "%s/registry.db", data);
    s = services_registry_open(buffer_cstr(&path), p->services.loop, &p->services.registry);
    buffer_clear(&path);
    if (s != OK)
        return s;
    services_registry_on_news(p->services.registry, on_news, p);
    p->services.values = services_values_new(p->services.registry, p->services.live);
    return OK;
}

static void open_onboarding(struct program *p)
{
    p->onboarding = services_onboarding_new(&(struct services_onboarding_config){
        .loop = p->services.loop,
        .registry = p->services.registry,
        .fleet = p->services.fleet,
        .supervisor_module = settings_text(p->settings, "twin.module"),
    });
}

/* From the same connection string: the policy's key opens the stream, too. */
static enum status open_events(struct program *p)
{
    const struct settings *s = p->settings;
    struct iot_connection_string parts;
    enum status status =
        iot_connection_string_parse(slice_of(settings_text(s, "hub.connection")), &parts);
    if (status != OK)
        return status;
    status = tls_client_new(&(struct tls_client_config){.ca_file = settings_text(s, "hub.ca")},
                            &p->hub_tls);
    if (status != OK)
        return status;
    char *name = slice_dup(slice_first(parts.host_name, slice_find(parts.host_name, ':')));
    char *policy = slice_dup(parts.key_name), *key = slice_dup(parts.key);
    const char *host = settings_text(s, "events.host");
    p->events = services_events_new(
        &(struct services_events_config){.loop = p->services.loop,
                                         .registry = p->services.registry,
                                         .onboarding = p->onboarding,
                                         .live = p->services.live,
                                         .values = p->services.values,
                                         .host = host ? host : name,
                                         .port = (int)settings_integer(s, "events.port"),
                                         .tls = p->hub_tls,
                                         .hub_host = name,
                                         .entity = settings_text(s, "events.name"),
                                         .group = settings_text(s, "events.group"),
                                         .policy = policy,
                                         .key = key});
    free(name);
    free(policy);
    free(key);
    return OK;
}

static enum status open_hub(struct program *p)
{
    const struct settings *s = p->settings;
    p->services.twin_module = settings_text(s, "twin.module");
    p->services.discovery_module = settings_text(s, "discovery.module");
    p->services.publisher_module = settings_text(s, "publisher.module");
    p->services.twin = services_twin_new(
        &(struct services_twin_config){.timeout_ms = settings_ms(s, "twin.timeout")});
    if (settings_text(s, "hub.connection") == NULL) {
        log_warn("hub.connection is not set: no discovery, and no calls of twin modules");
        open_onboarding(p);
        return OK;
    }
    p->hub_rest = rest_client_new(&(struct rest_client_config){
        .loop = p->services.loop, .ca_file = settings_text(s, "hub.ca")});
    enum status status = service_client_new(
        &(struct service_client_config){.loop = p->services.loop,
                                        .rest = p->hub_rest,
                                        .connection_string = settings_text(s, "hub.connection"),
                                        .url = settings_text(s, "hub.url")},
        &p->services.hub);
    if (status != OK) {
        log_error("hub.connection is no connection string of a policy");
        return status;
    }
    const char *const *list;
    size_t count = settings_list(s, "discovery.list", &list);
    p->services.fleet = services_fleet_new(&(struct services_fleet_config){
        .loop = p->services.loop,
        .hub = p->services.hub,
        .modules = {p->services.twin_module, p->services.discovery_module, p->services.publisher_module}});
    p->services.watch = services_fleet_watch_new(&p->services);
    p->mirror = mirror_new(&(struct mirror_config){
        .loop = p->services.loop, .registry = p->services.registry, .hub = p->services.hub});
    p->services.discoverers = services_discoverers_new(
        &(struct services_discoverers_config){.hub = p->services.hub,
                                              .fleet = p->services.fleet,
                                              .module = settings_text(s, "discovery.module"),
                                              .list = count > 0 ? list : NULL});
    open_onboarding(p);
    return open_events(p);
}

static bool is_loopback(struct slice host)
{
    return slice_starts(host, SLICE("127.")) || slice_eq(host, SLICE("::1"));
}

static enum status open_bearer(struct program *p)
{
    const struct settings *s = p->settings;
    if (!settings_bool(s, "auth.required")) {
        if (is_loopback(slice_of(settings_text(s, "listen"))))
            return OK;
        log_error("auth.required can be false only when listen is a loopback address");
        return BAD_ARGUMENT;
    }
    if (settings_text(s, "auth.authority") == NULL) {
        log_error(
            "auth.authority is not set: the URL of the issuer whose tokens are to be believed");
        return BAD_ARGUMENT;
    }
    const char *const *issuers, *const *audiences, *const *tenants, *const *scopes;
    size_t issuer_count = settings_list(s, "auth.issuers", &issuers);
    size_t tenant_count = settings_list(s, "auth.tenants", &tenants);
    size_t scope_count = settings_list(s, "auth.scopes", &scopes);
    settings_list(s, "auth.audiences", &audiences);
    const char *const *role_claims, *const *roles;
    size_t claim_count = settings_list(s, "auth.roles.claims", &role_claims);
    size_t role_count = settings_list(s, "auth.roles.map", &roles);
    for (size_t n = 0; n < role_count; n++)
        if (!rest_grants_role_ok(roles[n])) {
            log_error("auth.roles.map has '%s': a name, = and one of Read, Write, Admin, Sign is to be there", roles[n]);
            return BAD_ARGUMENT;
        }
    p->issuer_rest = rest_client_new(&(struct rest_client_config){
        .loop = p->services.loop, .ca_file = settings_text(s, "auth.ca"), .active = 2});
    p->services.bearer = rest_bearer_new(
        &(struct rest_bearer_config){.loop = p->services.loop,
                                     .client = p->issuer_rest,
                                     .authority = settings_text(s, "auth.authority"),
                                     .issuers = issuer_count > 0 ? issuers : NULL,
                                     .audiences = audiences,
                                     .tenants = tenant_count > 0 ? tenants : NULL,
                                     .skew_ms = settings_ms(s, "auth.skew"),
                                     .keys_ms = settings_ms(s, "auth.keys"),
                                     .rules = {.scopes = scope_count > 0 ? scopes : NULL,
                                               .role_claims = claim_count > 0 ? role_claims : NULL,
                                               .roles = role_count > 0 ? roles : NULL,
                                               .any_role = !settings_bool(s, "auth.roles")}});
    return OK;
}

static void open_server(struct program *p)
{
    p->services.metrics = rest_metrics_new(services_metrics, METRIC_COUNT);
    rest_metrics_collect(p->services.metrics, services_collect, &p->services);
    p->health = rest_health_new(p->services.metrics);
    rest_health_add(p->health, "registry", registry_ready, p);
    rest_health_add(p->health, "hub", hub_ready, p);
    rest_health_add(p->health, "events", events_ready, p);
    if (p->services.bearer)
        rest_health_add(p->health, "issuer", rest_bearer_ready, p->services.bearer);
    if (p->services.audit)
        rest_health_add(p->health, "audit", audit_ready, p->services.audit);
    struct rest_table tables[SERVICES_TABLES + 1];
    services_tables(tables);
    tables[SERVICES_TABLES] = rest_health_table(p->health);
    p->server = rest_server_new(&(struct rest_server_config){.loop = p->services.loop,
                                                             .tables = tables,
                                                             .table_count = SERVICES_TABLES + 1,
                                                             .app = &p->services,
                                                             .authorize = services_authorize,
                                                             .upgrades = services_upgrades,
                                                             .upgrade_count = SERVICES_UPGRADES,
                                                             .admit = services_admit,
                                                             .on_answer = services_on_answer,
                                                             .messagepack = true,
                                                             .limits = {.body_bytes = BODY_BYTES, .request_ms = REQUEST_MS}});
}

/* ---- listening ---- */

static void on_accept(void *arg, struct stream *s)
{
    struct program *p = arg;
    rest_server_accept(p->server, s);
}

static enum status open_tls(struct program *p)
{
    const struct settings *s = p->settings;
    const char *const *more;
    size_t count = settings_list(s, "alias", &more);
    p->names = server_names(settings_text(s, "name"), more, count, settings_text(s, "listen"));
    snprintf(p->tls_directory, sizeof(p->tls_directory), "%s/tls", settings_text(s, "data"));
    return server_tls_open(&(struct server_tls_config){.loop = p->services.loop,
                                                       .certificate = settings_text(s, "tls.certificate"),
                                                       .key = settings_text(s, "tls.key"),
                                                       .directory = p->tls_directory,
                                                       .names = p->names},
                           &p->tls);
}

static enum status listen_plain(struct program *p)
{
    struct slice given = slice_of(settings_text(p->settings, "http.plain"));
    if (given.len == 0)
        return OK;
    size_t colon = slice_find(given, ':');
    uint64_t port;
    if (!slice_to_u64(slice_skip(given, colon + 1), &port) || port > 65535 || !is_loopback(given)) {
        log_error("http.plain must be a loopback address and a port, such as 127.0.0.1:9041");
        return BAD_ARGUMENT;
    }
    char *host = slice_dup(slice_first(given, colon));
    enum status s = listener_open(&(struct listen_config){.loop = p->services.loop,
                                                          .host = host,
                                                          .port = (int)port,
                                                          .on_accept = on_accept,
                                                          .arg = p},
                                  &p->listeners[1]);
    free(host);
    return s;
}

static enum status listen_all(struct program *p)
{
    enum status s = open_tls(p);
    if (s == OK)
        s = listener_open(
            &(struct listen_config){.loop = p->services.loop,
                                    .host = settings_text(p->settings, "listen"),
                                    .port = (int)settings_integer(p->settings, "https.port"),
                                    .tls = server_tls(p->tls),
                                    .on_accept = on_accept,
                                    .arg = p},
            &p->listeners[0]);
    return s == OK ? listen_plain(p) : s;
}

/* ---- start and end ---- */

static enum status start(struct program *p)
{
    p->services.loop = loop_new();
    p->services.live = live_new(p->services.loop);
    enum status s = open_registry(p);
    if (s == OK)
        s = open_hub(p);
    if (s == OK)
        s = open_bearer(p);
    if (s == OK && settings_bool(p->settings, "audit"))
        s = audit_open(settings_text(p->settings, "data"), &p->services.audit);
    if (s != OK)
        return s;
    open_server(p);
    return listen_all(p);
}

static void on_signal(void *arg)
{
    struct program *p = arg;
    log_info("stopping");
    loop_stop(p->services.loop);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Lets the answers come that are on their way, so that those who wait for them can go. */
static void drain(struct program *p)
{
    loop_post(p->services.loop, stop_loop, p->services.loop);
    loop_run(p->services.loop);
}

static void finish_audit(struct program *p)
{
    audit_close(&p->services.audit);
    drain(p);
}

static void finish(struct program *p)
{
    trim_stop(&p->trim);
    for (size_t i = 0; i < 2; i++)
        if (p->listeners[i])
            listener_close(&p->listeners[i]);
    rest_server_free(&p->server);
    rest_client_free(&p->hub_rest);
    rest_client_free(&p->issuer_rest);
    services_fleet_free(&p->services.fleet);
    services_fleet_watch_free(&p->services.watch);
    services_discoverers_free(&p->services.discoverers);
    service_client_free(&p->services.hub);
    services_events_free(&p->events);
    services_values_free(&p->services.values);
    live_free(&p->services.live);
    services_onboarding_free(&p->onboarding);
    mirror_free(&p->mirror);
    services_registry_close(&p->services.registry);
    drain(p);
    finish_audit(p);
    services_twin_free(&p->services.twin);
    rest_bearer_free(&p->services.bearer);
    rest_health_free(&p->health);
    rest_metrics_free(&p->services.metrics);
    server_tls_close(&p->tls);
    loop_free(&p->services.loop);
    free(p->names);
    tls_client_free(&p->hub_tls);
}

int services_main(int argc, char **argv)
{
    struct program *p = MEMORY_NEW(struct program);
    int code = settings_load(&program, argc, argv, &p->settings);
    if (code >= 0) {
        free(p);
        return code;
    }
    settings_start_log(p->settings);
    if (start(p) == OK) {
        loop_on_signal(p->services.loop, on_signal, p);
        trim_start(&p->trim, p->services.loop);
        log_info("ready https=%d plain=%d", listener_port(p->listeners[0]), p->listeners[1] ? listener_port(p->listeners[1]) : 0);
        loop_run(p->services.loop);
        code = 0;
    } else {
        log_error("the services could not start");
        code = 1;
    }
    if (p->services.loop)
        finish(p);
    settings_free(&p->settings);
    free(p);
    return code;
}
