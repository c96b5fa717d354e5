#include "up/arguments.h"

#include <stdio.h>

#include "base/log.h"
#include "base/file.h"
#include "json/write.h"
#include "up/demo_nodes.h"

static const char *name_of(const struct up *u)
{
    return settings_text(u->settings, "name");
}

static void log_level(struct up *u, struct up_part *p)
{
    up_part_argument(p, "--log.level", "%s", settings_text(u->settings, "log.level"));
    up_part_argument(p, "--log.format", "%s", settings_text(u->settings, "log.format"));
}

/* A file of settings beside the part's data: for what must not stand on a command line. */
struct config_file {
    struct buffer text;
    struct json_writer w;
};

static void config_begin(struct config_file *f)
{
    *f = (struct config_file){0};
    f->w = json_writer(&f->text);
    json_object(&f->w);
}

static void config_put(struct config_file *f, const char *name, const char *value)
{
    json_name(&f->w, name);
    json_put_text(&f->w, value);
}

static void config_end(struct up *u, struct config_file *f, struct up_part *p)
{
    char path[512];
    json_end_object(&f->w);
    snprintf(path, sizeof(path), "%s/%s.json", u->data, p->name);
    if (file_write(path, buffer_slice(&f->text)) != OK)
        log_error("%s has no configuration: it cannot start", p->name);
    buffer_clear(&f->text);
    up_part_argument(p, "--config", "%s", path);
}

static void plant(struct up *u, struct up_part *p)
{
    up_part_argument(p, "--listen", "%s", u->listen);
    up_part_argument(p, "--port", "%d", u->ports.plant);
    up_part_argument(p, "--pki", "%s/plant/pki", u->data);
    up_part_argument(p, "--nodes", "%d", DEMO_LOAD_NODES);
    up_part_argument(p, "--interval", "%dms", DEMO_LOAD_MS);
}

/* One authority and one certificate for all of them: clients trust one file. */
static void certificate(struct up *u, struct up_part *p)
{
    up_part_argument(p, "--tls.certificate", "%s", u->tls.certificate);
    up_part_argument(p, "--tls.key", "%s", u->tls.key);
}

static void hub(struct up *u, struct up_part *p)
{
    up_part_argument(p, "--data", "%s/hub", u->data);
    up_part_argument(p, "--name", "%s", name_of(u));
    up_part_argument(p, "--listen", "%s", u->listen);
    up_part_argument(p, "--mqtt.port", "%d", u->ports.hub_mqtt);
    up_part_argument(p, "--amqp.port", "%d", u->ports.hub_amqp);
    up_part_argument(p, "--https.port", "%d", u->ports.hub_https);
    certificate(u, p);
}

static void edge(struct up *u, struct up_part *p)
{
    struct config_file f;
    config_begin(&f);
    config_put(&f, "key", u->edge_key);
    config_end(u, &f, p);
    up_part_argument(p, "--device", "%s", UP_EDGE_DEVICE);
    up_part_argument(p, "--data", "%s/edge", u->data);
    up_part_argument(p, "--name", "%s", name_of(u));
    up_part_argument(p, "--listen", "%s", u->listen);
    up_part_argument(p, "--mqtt.port", "%d", u->ports.edge_mqtt);
    up_part_argument(p, "--health.port", "%d", u->ports.edge_health);
    up_part_argument(p, "--hub.host", "%s", name_of(u));
    up_part_argument(p, "--hub.address", "%s", u->local);
    up_part_argument(p, "--hub.mqtt.port", "%d", u->ports.hub_mqtt);
    up_part_argument(p, "--hub.https.port", "%d", u->ports.hub_https);
    up_part_argument(p, "--hub.ca", "%s", u->tls.ca);
    certificate(u, p);
}

static void issuer(struct up *u, struct up_part *p)
{
    up_part_argument(p, "--data", "%s/issuer", u->data);
    up_part_argument(p, "--listen", "%s", u->listen);
    up_part_argument(p, "--https.port", "%d", u->ports.issuer);
    up_part_argument(p, "--names", "%s", name_of(u));
    certificate(u, p);
}

static void opc(struct up *u, struct up_part *p)
{
    struct config_file f;
    struct buffer connection = {0};
    buffer_printf(&connection, "HostName=%s;DeviceId=%s;ModuleId=%s;SharedAccessKey=%s;GatewayHostName=%s:%d",
                  name_of(u), UP_EDGE_DEVICE, UP_OPC_MODULE, u->opc_key, u->local, u->ports.edge_mqtt);
    config_begin(&f);
    config_put(&f, "connection", buffer_cstr(&connection));
    config_end(u, &f, p);
    buffer_clear(&connection);
    up_part_argument(p, "--ca", "%s", u->tls.ca);
    up_part_argument(p, "--pki", "%s/opc/pki", u->data);
    up_part_argument(p, "--queue.path", "%s/opc/queue", u->data);
    up_part_argument(p, "--audit", "%s/opc/audit", u->data);
    up_part_argument(p, "--file", "%s/publishednodes.json", u->data);
    up_part_argument(p, "--health.port", "%d", u->ports.opc_health);
}

static void services(struct up *u, struct up_part *p)
{
    struct config_file f;
    config_begin(&f);
    config_put(&f, "hub.connection", u->owner);
    config_end(u, &f, p);
    up_part_argument(p, "--data", "%s/services", u->data);
    up_part_argument(p, "--name", "%s", name_of(u));
    up_part_argument(p, "--listen", "%s", u->listen);
    up_part_argument(p, "--https.port", "%d", u->ports.services);
    up_part_argument(p, "--hub.url", "https://%s:%d", u->local, u->ports.hub_https);
    up_part_argument(p, "--hub.ca", "%s", u->tls.ca);
    up_part_argument(p, "--events.host", "%s", u->local);
    up_part_argument(p, "--events.port", "%d", u->ports.hub_amqp);
    up_part_argument(p, "--discovery.module", "%s", UP_OPC_MODULE);
    up_part_argument(p, "--publisher.module", "%s", UP_OPC_MODULE);
    up_part_argument(p, "--twin.module", "%s", UP_OPC_MODULE);
    up_part_argument(p, "--auth.authority", "https://%s:%d", name_of(u), u->ports.issuer);
    up_part_argument(p, "--auth.ca", "%s", u->tls.ca);
    certificate(u, p);
}

void up_arguments(struct up *u, enum up_part_id id)
{
    static void (*const tell[UP_PART_COUNT])(struct up *u, struct up_part *p) = {
        [UP_PLANT] = plant,   [UP_HUB] = hub, [UP_EDGE] = edge,
        [UP_ISSUER] = issuer, [UP_OPC] = opc, [UP_SERVICES] = services,
    };
    struct up_part *p = &u->parts[id];
    log_level(u, p);
    tell[id](u, p);
}
