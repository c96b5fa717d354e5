#include "hub/connection_strings.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "blob/account.h"
#include "hub/provisioning.h"
#include "iot/connection_string.h"
#include "iot/policy.h"
#include "registry/tables.h"
#include "settings/settings.h"

static const struct setting table[] = {
    {"data", SETTING_PATH, "~/.local/state/millrace/hub", "the hub's folder", 0, 0, NULL, false},
    {"name", SETTING_TEXT, "localhost", "host name of the hub", 0, 0, NULL, false},
    {"amqp.port", SETTING_INTEGER, "5671", "for --events", 0, 65535, NULL, false},
    {"events.name", SETTING_TEXT, "millrace", "for --events", 0, 0, NULL, false},
    {"policy", SETTING_TEXT, NULL, "a service's: iothubowner, service, device, registryRead, registryReadWrite", 0, 0, NULL, false},
    {"device", SETTING_TEXT, NULL, "a device's", 0, 0, NULL, false},
    {"module", SETTING_TEXT, NULL, "a module's, with --device", 0, 0, NULL, false},
    {"events", SETTING_BOOL, "false", "the Event-Hub-compatible endpoint's", 0, 0, NULL, false},
    {"blobs", SETTING_BOOL, "false", "the blob store's, as Azure Storage's clients take it", 0, 0, NULL, false},
    {"valid", SETTING_DURATION, "24h", "for --blobs: how long its signature holds", 0, 0, NULL, false},
    {"https.port", SETTING_INTEGER, "443", "for --blobs", 0, 65535, NULL, false},
    {"provisioning", SETTING_BOOL, "false", "the provisioning service's", 0, 0, NULL, false},
    {"id-scope", SETTING_BOOL, "false", "only the provisioning service's ID scope", 0, 0, NULL, false},
};

static const struct settings_program program = {
    "hub connection-string", "Prints a connection string. Without anything: the policy iothubowner's.", table,
    sizeof(table) / sizeof(table[0]),
};

static int print(const struct iot_connection_string *c)
{
    struct buffer text = {0};
    iot_connection_string_print(c, &text);
    puts(buffer_cstr(&text));
    buffer_clear(&text);
    return 0;
}

static int of_policy(const struct settings *s, const struct policies *policies)
{
    const char *wanted = settings_text(s, "policy");
    struct slice name = slice_of(wanted ? wanted : settings_bool(s, "events") ? "service" : "iothubowner");
    struct slice key = policies_key(policies, name, false);
    if (key.len == 0) {
        fprintf(stderr, "there is no policy '%.*s'\n", SLICE_FMT(name));
        return 1;
    }
    struct iot_connection_string c = {.key_name = name, .key = key};
    struct buffer endpoint = {0};
    if (settings_bool(s, "events")) {
        buffer_printf(&endpoint, "sb://%s", settings_text(s, "name"));
        if (settings_integer(s, "amqp.port") != 5671)
            buffer_printf(&endpoint, ":%d", (int)settings_integer(s, "amqp.port"));
        buffer_u8(&endpoint, '/');
        c.endpoint = buffer_slice(&endpoint);
        c.entity_path = slice_of(settings_text(s, "events.name"));
    } else {
        c.host_name = slice_of(settings_text(s, "name"));
    }
    int code = print(&c);
    buffer_clear(&endpoint);
    return code;
}

struct wanted {
    struct iot_id id;
    const char *host;
    int code;
};

static enum status print_device(struct store_table *t, void *arg)
{
    struct wanted *w = arg;
    struct registry_row row;
    enum status s = registry_row_get(t, w->id, &row);
    if (s != OK) {
        fprintf(stderr, "the hub does not know it\n");
        return s;
    }
    w->code = print(&(struct iot_connection_string){
        .host_name = slice_of(w->host),
        .device_id = row.i.id.device,
        .module_id = row.i.id.module,
        .key = row.i.primary_key,
    });
    store_reset(t, SQL_IDENTITY_GET);
    return OK;
}

static int of_device(const struct settings *s)
{
    struct store_table *t = NULL;
    struct wanted w = {{slice_of(settings_text(s, "device")), slice_of(settings_text(s, "module"))},
                       settings_text(s, "name"), 1};
    enum status status = registry_tables_open(settings_text(s, "data"), &t);
    if (status == OK)
        status = store_table_post(t, NULL, print_device, NULL, &w);
    store_table_close(&t);
    return status == OK ? w.code : 1;
}

/* Azure's clients look for the account's name in the host; where that is an address or "localhost", in the path. */
static bool is_address(const char *name)
{
    struct in6_addr any;
    return strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

/* All of the account: containers are made with it, and signatures for less. */
static int of_blobs(const struct settings *s)
{
    struct buffer directory = {0}, key = {0}, text = {0};
    struct blob_account account;
    buffer_printf(&directory, "%s/blobs", settings_text(s, "data"));
    buffer_printf(&text, "BlobEndpoint=https://%s", settings_text(s, "name"));
    if (settings_integer(s, "https.port") != 443)
        buffer_printf(&text, ":%d", (int)settings_integer(s, "https.port"));
    buffer_printf(&text, "/%s;SharedAccessSignature=", is_address(settings_text(s, "name")) ? BLOB_ACCOUNT_NAME : "");
    enum status status = blob_account_load(buffer_cstr(&directory), false, &key, &account);
    if (status == OK)
        status = blob_sas_make(&account,
                               &(struct blob_sas){.permissions = BLOB_READ | BLOB_ADD | BLOB_CREATE | BLOB_WRITE |
                                                                 BLOB_DELETE | BLOB_LIST,
                                                  .expires_ms = clock_wall_ms() + settings_ms(s, "valid")},
                               &text);
    if (status == OK)
        puts(buffer_cstr(&text));
    else
        fprintf(stderr, "there is no blob store in %s: the hub makes it when it starts\n", buffer_cstr(&directory));
    buffer_clear(&directory);
    buffer_clear(&key);
    buffer_clear(&text);
    return status == OK ? 0 : 1;
}

int hub_connection_strings(int argc, char **argv)
{
    struct settings *s;
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    log_setup("hub", LOG_LEVEL_WARN, 0);
    struct buffer path = {0};
    struct policies *policies = NULL;
    buffer_printf(&path, "%s/policies.json", settings_text(s, "data"));
    if (settings_bool(s, "provisioning") || settings_bool(s, "id-scope")) {
        code = hub_provisioning_print(settings_text(s, "data"), settings_text(s, "name"),
                                      settings_text(s, "policy"), settings_bool(s, "id-scope"));
    } else if (settings_text(s, "device")) {
        code = of_device(s);
    } else if (settings_bool(s, "blobs")) {
        code = of_blobs(s);
    } else if (iot_policies_load(buffer_cstr(&path), &policies) == OK) {
        code = of_policy(s, policies);
        policies_free(&policies);
    } else {
        code = 1;
    }
    buffer_clear(&path);
    settings_free(&s);
    return code;
}
