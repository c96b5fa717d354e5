#include "up/demo_nodes.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "json/write.h"

static const char *const nodes[] = {
    "StepUp",    "AlternatingBoolean", "RandomSignedInt32", "RandomUnsignedInt32", "SpikeData", "DipData",
    "PositiveTrendData", "NegativeTrendData", "FastUInt1", "FastUInt2", "SlowUInt1",
};

static void node(struct json_writer *w, const char *name)
{
    char id[128];
    snprintf(id, sizeof(id), "nsu=http://microsoft.com/Opc/OpcPlc/;s=%s", name);
    json_object(w);
    json_name(w, "Id"), json_put_text(w, id);
    json_name(w, "DataSetFieldId"), json_put_text(w, name);
    json_name(w, "QueueSize"), json_put_i64(w, 10); /* none is lost when two changes meet in one interval */
    json_end_object(w);
}

static void entry(struct json_writer *w, const struct up *u)
{
    char url[128], name[32];
    snprintf(url, sizeof(url), "opc.tcp://%s:%d", u->local, u->ports.plant);
    json_object(w);
    json_name(w, "EndpointUrl"), json_put_text(w, url);
    json_name(w, "UseSecurity"), json_put_bool(w, false);
    json_name(w, "DataSetWriterGroup"), json_put_text(w, "demo");
    json_name(w, "DataSetWriterId"), json_put_text(w, "plant");
    json_name(w, "MessagingMode"), json_put_text(w, "PubSub");
    json_name(w, "BatchTriggerInterval"), json_put_i64(w, 500);
    json_name(w, "DataSetPublishingInterval"), json_put_i64(w, 500);
    json_name(w, "DataSetSamplingInterval"), json_put_i64(w, DEMO_LOAD_MS / 2);
    json_name(w, "OpcNodes"), json_array(w);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        node(w, nodes[i]);
    for (int i = 1; i <= DEMO_LOAD_NODES; i++) {
        snprintf(name, sizeof(name), "Load%d", i);
        node(w, name);
    }
    json_end_array(w);
    json_end_object(w);
}

enum status up_demo_nodes(struct up *u)
{
    char path[512];
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    snprintf(path, sizeof(path), "%s/publishednodes.json", u->data);
    if (access(path, F_OK) == 0)
        return OK;
    json_array(&w);
    entry(&w, u);
    json_end_array(&w);
    enum status s = file_write(path, buffer_slice(&text));
    buffer_clear(&text);
    return s;
}
