#include "client/module_access.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "iot/connection_string.h"

static const char *what_is_wrong(const struct module_access_config *k,
                                 struct iot_connection_string *c)
{
    if (iot_connection_string_parse(slice_of(k->connection), c) != OK)
        return "it is not name=value;name=value";
    if (c->host_name.len == 0 || c->device_id.len == 0)
        return "it lacks HostName or DeviceId";
    bool by_certificate = slice_eq_nocase(c->x509, SLICE("true"));
    if (by_certificate && (k->certificate_file == NULL || k->key_file == NULL))
        return "x509=true needs a certificate and its key: the settings connection.certificate and "
               "connection.key";
    if (!by_certificate && c->key.len == 0 && c->signature.len == 0)
        return "it lacks SharedAccessKey, SharedAccessSignature or x509=true";
    return NULL;
}

/* "host" or "host:port". */
static char *take_port(struct slice host, int *port)
{
    size_t colon = slice_find(host, ':');
    uint64_t number;
    if (colon < host.len && slice_to_u64(slice_skip(host, colon + 1), &number) && number > 0 &&
        number <= 65535)
        *port = (int)number;
    return slice_dup(slice_first(host, colon));
}

static char *dup_or_null(struct slice s)
{
    return s.len ? slice_dup(s) : NULL;
}

static char *copy(const char *text)
{
    return text ? memory_text(text) : NULL;
}

static void take(const struct iot_connection_string *c, const struct module_access_config *k,
                 struct module_access *a)
{
    int port = 0, ignored = 0;
    bool by_certificate = slice_eq_nocase(c->x509, SLICE("true"));
    a->host = take_port(c->gateway_host_name.len ? c->gateway_host_name : c->host_name, &port);
    a->hub_host = take_port(c->host_name, &ignored);
    a->device_id = slice_dup(c->device_id);
    a->module_id = dup_or_null(c->module_id);
    a->key = by_certificate ? NULL : dup_or_null(c->key);
    a->signature = by_certificate ? NULL : dup_or_null(c->signature);
    a->ca_file = copy(k->ca_file);
    a->certificate_file = by_certificate ? copy(k->certificate_file) : NULL;
    a->key_file = by_certificate ? copy(k->key_file) : NULL;
    a->device = (struct device_client_config){.host = a->host,
                                              .ways = k->ways,
                                              .port = port,
                                              .tls = a->tls,
                                              .ca_file = a->ca_file,
                                              .certificate_file = a->certificate_file,
                                              .key_file = a->key_file,
                                              .hub_host = a->hub_host,
                                              .device_id = a->device_id,
                                              .module_id = a->module_id,
                                              .key = a->key,
                                              .signature = a->signature};
}

enum status module_access_open(const struct module_access_config *config, struct module_access *out)
{
    struct iot_connection_string c;
    struct module_access a = {0};
    const char *wrong = what_is_wrong(config, &c);
    if (wrong) {
        log_error("the connection string cannot be used: %s", wrong);
        return BAD_ARGUMENT;
    }
    bool plain = slice_eq_nocase(c.development_emulator, SLICE("true"));
    bool by_certificate = slice_eq_nocase(c.x509, SLICE("true"));
    struct tls_client_config tls = {.ca_file = config->ca_file};
    if (by_certificate) {
        tls.certificate_file = config->certificate_file;
        tls.key_file = config->key_file;
    }
    if (!plain && tls_client_new(&tls, &a.tls) != OK)
        return IO_FAILED;
    take(&c, config, &a);
    *out = a;
    return OK;
}

void module_access_close(struct module_access *a)
{
    tls_client_free(&a->tls);
    char *texts[] = {a->host,      a->hub_host, a->device_id,        a->module_id, a->key,
                     a->signature, a->ca_file,  a->certificate_file, a->key_file};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    *a = (struct module_access){0};
}
