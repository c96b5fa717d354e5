#include "client/module_access.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "iot/connection_string.h"

#define PORT_TLS 8883
#define PORT_PLAIN 1883

static enum status refuse(const char *what)
{
    log_error("the connection string cannot be used: %s", what);
    return BAD_ARGUMENT;
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

static void take(const struct iot_connection_string *c, bool plain, struct module_access *a)
{
    int ignored = 0;
    a->device.port = plain ? PORT_PLAIN : PORT_TLS;
    a->host =
        take_port(c->gateway_host_name.len ? c->gateway_host_name : c->host_name, &a->device.port);
    a->hub_host = take_port(c->host_name, &ignored);
    a->device_id = slice_dup(c->device_id);
    a->module_id = dup_or_null(c->module_id);
    a->key = slice_dup(c->key);
    a->device.host = a->host;
    a->device.hub_host = a->hub_host;
    a->device.device_id = a->device_id;
    a->device.module_id = a->module_id;
    a->device.key = a->key;
    a->device.tls = a->tls;
}

enum status module_access_open(const char *text, const char *ca_file, struct module_access *out)
{
    struct iot_connection_string c;
    struct module_access a = {0};
    if (iot_connection_string_parse(slice_of(text), &c) != OK)
        return refuse("it is not name=value;name=value");
    if (c.host_name.len == 0 || c.device_id.len == 0 || c.key.len == 0)
        return refuse("it lacks HostName, DeviceId or SharedAccessKey");
    bool plain = slice_eq_nocase(c.development_emulator, SLICE("true"));
    if (!plain && tls_client_new(&(struct tls_client_config){.ca_file = ca_file}, &a.tls) != OK)
        return IO_FAILED;
    take(&c, plain, &a);
    *out = a;
    return OK;
}

void module_access_close(struct module_access *a)
{
    tls_client_free(&a->tls);
    free(a->host);
    free(a->hub_host);
    free(a->device_id);
    free(a->module_id);
    free(a->key);
    *a = (struct module_access){0};
}
