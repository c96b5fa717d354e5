#include "plant/plant.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "plant/load.h"

#define HISTORY_PAGE 1000 /* values of an answer */
#define CYCLE_MS 100.0
#define CYCLES 50                 /* of the waves */
#define COSINE 0.9921147013144779 /* of one step, a CYCLES-th of the circle */
#define SINE 0.12533323356430426
#define WAVE_HEIGHT 100.0
#define SPIKE_HEIGHT 1000.0
#define TREND_START 100.0
#define ID_MAX 32

struct ramp { /* FastUInt or SlowUInt nodes */
    const char *name;
    struct plant *plant;
    uint32_t count, value;
    bool stopped;
    char (*ids)[ID_MAX];
};

struct plant {
    struct opcua_server *server;
    uint16_t space;
    uint32_t step_up, cycle, spike_at, events;
    bool step_up_stopped;
    double positive, negative;
    double x, y;     /* of the wave */
    uint64_t random; /* a seed that makes every run alike */
    struct ramp fast, slow;
    struct plant_load *load;
};

static struct opcua_place at(const struct plant *p, const char *id)
{
    return (struct opcua_place){p->space, id};
}

static uint32_t next_random(struct plant *p)
{
    p->random = p->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(p->random >> 32);
}

/* ---- what changes ---- */

static void put(struct plant *p, const char *id, const void *value, int type)
{
    opcua_server_write(p->server, at(p, id), value, &UA_TYPES[type], UA_STATUSCODE_GOOD);
}

static void put_waves(struct plant *p)
{
    uint32_t in_wave = p->cycle % CYCLES;
    if (in_wave == 0) {
        p->spike_at = next_random(p) % CYCLES;
        p->x = WAVE_HEIGHT;
        p->y = 0;
    }
    double wave = p->y, x = p->x;
    p->x = x * COSINE - wave * SINE; /* turns by one step */
    p->y = x * SINE + wave * COSINE;
    double spike = in_wave == p->spike_at ? SPIKE_HEIGHT : wave;
    double dip = in_wave == p->spike_at ? -SPIKE_HEIGHT : wave;
    put(p, "SpikeData", &spike, UA_TYPES_DOUBLE);
    put(p, "DipData", &dip, UA_TYPES_DOUBLE);
}

static void put_trends(struct plant *p)
{
    if (p->cycle % CYCLES == 0) {
        p->positive += 1;
        p->negative -= 1;
    }
    put(p, "PositiveTrendData", &p->positive, UA_TYPES_DOUBLE);
    put(p, "NegativeTrendData", &p->negative, UA_TYPES_DOUBLE);
}

static void on_cycle(void *arg)
{
    struct plant *p = arg;
    UA_Boolean alternating = p->cycle / CYCLES % 2;
    UA_Int32 any_signed = (UA_Int32)next_random(p);
    UA_UInt32 any_unsigned = next_random(p);
    p->cycle++;
    if (!p->step_up_stopped)
        p->step_up++;
    put(p, "StepUp", &p->step_up, UA_TYPES_UINT32);
    put(p, "AlternatingBoolean", &alternating, UA_TYPES_BOOLEAN);
    put(p, "RandomSignedInt32", &any_signed, UA_TYPES_INT32);
    put(p, "RandomUnsignedInt32", &any_unsigned, UA_TYPES_UINT32);
    put_waves(p);
    put_trends(p);
}

static void put_bad(const struct ramp *r)
{
    static const UA_StatusCode codes[] = {
        UA_STATUSCODE_GOOD, UA_STATUSCODE_GOOD, UA_STATUSCODE_UNCERTAINLASTUSABLEVALUE,
        UA_STATUSCODE_BADDATALOST, UA_STATUSCODE_BADNOCOMMUNICATION};
    char id[ID_MAX];
    snprintf(id, sizeof id, "Bad%s1", r->name);
    UA_StatusCode code = codes[r->value % (sizeof codes / sizeof codes[0])];
    opcua_server_write(r->plant->server, at(r->plant, id),
                       UA_StatusCode_isBad(code) ? NULL : &r->value, &UA_TYPES[UA_TYPES_UINT32],
                       code);
}

static void on_ramp(void *arg)
{
    struct ramp *r = arg;
    if (r->stopped)
        return;
    r->value++;
    for (uint32_t i = 0; i < r->count; i++)
        put(r->plant, r->ids[i], &r->value, UA_TYPES_UINT32);
    put_bad(r);
}

static void on_event(void *arg)
{
    struct plant *p = arg;
    char text[64];
    snprintf(text, sizeof text, "The system cycle '%u' has started.", ++p->events);
    opcua_server_event(p->server, 200, "System", text);
}

/* ---- methods ---- */

static UA_StatusCode reset_step_up(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    ((struct plant *)arg)->step_up = 0;
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode start_step_up(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    ((struct plant *)arg)->step_up_stopped = false;
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode stop_step_up(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    ((struct plant *)arg)->step_up_stopped = true;
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode reset_trend(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    struct plant *p = arg;
    p->positive = p->negative = TREND_START;
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode start_ramp(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    ((struct ramp *)arg)->stopped = false;
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode stop_ramp(void *arg, const UA_Variant *in, UA_Variant *out)
{
    (void)in, (void)out;
    ((struct ramp *)arg)->stopped = true;
    return UA_STATUSCODE_GOOD;
}

/* ---- the address space ---- */

static void add_methods(struct plant *p)
{
    const struct {
        const char *name;
        opcua_server_method_fn *run;
        void *arg;
    } methods[] = {
        {"ResetStepUp", reset_step_up, p},
        {"StartStepUp", start_step_up, p},
        {"StopStepUp", stop_step_up, p},
        {"ResetTrend", reset_trend, p},
        {"StartUpdateFastNodes", start_ramp, &p->fast},
        {"StopUpdateFastNodes", stop_ramp, &p->fast},
        {"StartUpdateSlowNodes", start_ramp, &p->slow},
        {"StopUpdateSlowNodes", stop_ramp, &p->slow},
    };
    opcua_server_add_folder(p->server, at(p, "OpcPlc"), at(p, "Methods"), "Methods");
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        opcua_server_add_method(p->server, at(p, "Methods"), at(p, methods[i].name),
                                methods[i].name, NULL, NULL, methods[i].run, methods[i].arg);
}

static void add_signals(struct plant *p)
{
    static const struct {
        const char *folder, *name;
        int type;
    } signals[] = {
        {"Basic", "StepUp", UA_TYPES_UINT32},
        {"Basic", "AlternatingBoolean", UA_TYPES_BOOLEAN},
        {"Basic", "RandomSignedInt32", UA_TYPES_INT32},
        {"Basic", "RandomUnsignedInt32", UA_TYPES_UINT32},
        {"Anomaly", "SpikeData", UA_TYPES_DOUBLE},
        {"Anomaly", "DipData", UA_TYPES_DOUBLE},
        {"Anomaly", "PositiveTrendData", UA_TYPES_DOUBLE},
        {"Anomaly", "NegativeTrendData", UA_TYPES_DOUBLE},
    };
    const double zero = 0; /* of every type */
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        opcua_server_add_variable(p->server, at(p, signals[i].folder), at(p, signals[i].name),
                                  signals[i].name, &zero, &UA_TYPES[signals[i].type], false);
    UA_Int32 target = 0;
    opcua_server_add_variable(p->server, at(p, "Basic"), at(p, "WritableInt32"), "WritableInt32",
                              &target, &UA_TYPES[UA_TYPES_INT32], true);
}

static void add_ramp(struct plant *p, struct ramp *r, const char *name, const char *folder,
                     uint32_t count)
{
    *r = (struct ramp){
        .name = name, .plant = p, .count = count, .ids = memory_new((count + 1) * ID_MAX)};
    char bad[ID_MAX];
    snprintf(bad, sizeof bad, "Bad%s1", name);
    opcua_server_add_folder(p->server, at(p, "Telemetry"), at(p, folder), folder);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(r->ids[i], ID_MAX, "%s%u", name, i + 1);
        opcua_server_add_variable(p->server, at(p, folder), at(p, r->ids[i]), r->ids[i], &r->value,
                                  &UA_TYPES[UA_TYPES_UINT32], true);
    }
    opcua_server_add_variable(p->server, at(p, folder), at(p, bad), bad, &r->value,
                              &UA_TYPES[UA_TYPES_UINT32], false);
}

static void build(struct plant *p, const struct plant_config *config)
{
    p->space = opcua_server_namespace(p->server, PLANT_NAMESPACE);
    opcua_server_add_folder(p->server, (struct opcua_place){0}, at(p, "OpcPlc"), "OpcPlc");
    opcua_server_add_folder(p->server, at(p, "OpcPlc"), at(p, "Telemetry"), "Telemetry");
    opcua_server_add_folder(p->server, at(p, "Telemetry"), at(p, "Basic"), "Basic");
    opcua_server_add_folder(p->server, at(p, "Telemetry"), at(p, "Anomaly"), "Anomaly");
    add_signals(p);
    if (config->history)
        opcua_server_keep_history(p->server, at(p, "WritableInt32"), HISTORY_PAGE);
    add_ramp(p, &p->fast, "FastUInt", "Fast", config->fast_nodes);
    add_ramp(p, &p->slow, "SlowUInt", "Slow", config->slow_nodes);
    add_methods(p);
    if (config->load_nodes)
        p->load =
            plant_load_new(p->server, at(p, "Telemetry"), config->load_nodes, config->load_ms);
    opcua_server_every(p->server, CYCLE_MS, on_cycle, p);
    opcua_server_every(p->server, config->fast_ms, on_ramp, &p->fast);
    opcua_server_every(p->server, config->slow_ms, on_ramp, &p->slow);
    if (config->event_ms)
        opcua_server_every(p->server, config->event_ms, on_event, p);
}

enum status plant_start(const struct plant_config *config, struct plant **out)
{
    struct plant *p = MEMORY_NEW(struct plant);
    p->random = 1;
    p->positive = p->negative = TREND_START;
    enum status s = opcua_server_open(&config->server, &p->server);
    if (s == OK) {
        build(p, config);
        s = opcua_server_start(p->server);
    }
    if (s != OK)
        plant_stop(&p);
    else
        *out = p;
    return s;
}

void plant_stop(struct plant **plant)
{
    struct plant *p = *plant;
    if (!p)
        return;
    opcua_server_close(&p->server);
    plant_load_free(&p->load);
    free(p->fast.ids);
    free(p->slow.ids);
    free(p);
    *plant = NULL;
}

const char *plant_url(const struct plant *p)
{
    return opcua_server_url(p->server);
}
