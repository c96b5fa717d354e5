#include "discovery/plan.h"

#include "base/clock.h"
#include "discovery/interfaces.h"
#include "json/write.h"

#define OPC_UA_PORTS "4840-4841"
#define WELL_KNOWN_PORTS "4840-4841;48000-48100;49320;50000;51200-51300;62222"
#define UNASSIGNED_PORTS "4840-4841;49152-65535" /* the range that is never assigned */

static const struct mode {
    const char *name;
    enum interfaces_what where;
    const char *ports;
} modes[] = {
    [PLAN_OFF] = {"Off", 0, NULL},
    [PLAN_LOCAL] = {"Local", INTERFACES_OWN, "*"},
    [PLAN_NETWORK] = {"Network", INTERFACES_SUBNETS, OPC_UA_PORTS},
    [PLAN_FAST] = {"Fast", INTERFACES_NEAR, WELL_KNOWN_PORTS},
    [PLAN_SCAN] = {"Scan", INTERFACES_SUBNETS, UNASSIGNED_PORTS},
};

const char *discovery_plan_mode_name(enum plan_mode mode)
{
    return modes[mode].name;
}

static bool given(const struct json *v)
{
    return v != NULL && !json_is(v, JSON_NULL) &&
           !(json_is(v, JSON_STRING) && json_string(v).len == 0);
}

static enum status read_mode(const struct json *v, struct plan *p, struct buffer *why)
{
    if (!given(v))
        return OK;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_eq_nocase(json_string(v), slice_of(modes[i].name))) {
            p->mode = (enum plan_mode)i;
            return OK;
        }
    buffer_text(why, "discovery is one of Off, Local, Network, Fast and Scan.");
    return BAD_ARGUMENT;
}

/* An array, or an object as twins have them: {"0":…,"1":…}. */
static enum status read_texts(const struct json *v, struct plan *p, struct slice **out,
                              size_t *count, struct buffer *why)
{
    struct json_walk walk = json_walk(v);
    if (json_count(v) > PLAN_URLS_MAX) {
        buffer_printf(why, "There are more than %d urls or locales.", PLAN_URLS_MAX);
        return TOO_LARGE;
    }
    *out = ARENA_TAKE_N(&p->arena, struct slice, json_count(v) + 1);
    while (json_next(&walk))
        if (json_string(walk.value).len)
            (*out)[(*count)++] = arena_copy(&p->arena, json_string(walk.value));
    return OK;
}

static enum status read_urls(const struct json *config, struct plan *p, struct buffer *why)
{
    enum status s =
        read_texts(json_get_nocase(config, "discoveryUrls"), p, &p->urls, &p->url_count, why);
    for (size_t i = 0; s == OK && i < p->url_count; i++)
        if (!slice_starts(p->urls[i], SLICE("opc.tcp://"))) {
            buffer_text(why, "A discovery url begins with opc.tcp://.");
            s = BAD_ARGUMENT;
        }
    return s;
}

static bool is_loopback(const struct ranges *addresses)
{
    bool all = addresses->count > 0;
    for (size_t i = 0; i < addresses->count; i++)
        all = all && addresses->items[i].low >> 24 == 127 && addresses->items[i].high >> 24 == 127;
    return all;
}

/* Ranges that are given say what is scanned, whatever the mode is. */
static enum status read_ranges(const struct json *config, struct plan *p, struct buffer *why)
{
    const struct json *addresses = json_get_nocase(config, "addressRangesToScan");
    const struct json *ports = json_get_nocase(config, "portRangesToScan");
    enum status s = OK;
    if (given(addresses))
        s = discovery_ranges_parse_addresses(json_string(addresses), &p->addresses, why);
    if (s == OK && given(ports))
        s = discovery_ranges_parse_ports(json_string(ports), &p->ports, why);
    p->addresses_given = p->addresses.count > 0;
    if (s == OK && (p->addresses.count || p->ports.count))
        p->mode = PLAN_FAST;
    if (s != OK || p->mode == PLAN_OFF)
        return s;
    if (p->addresses.count == 0)
        discovery_interfaces_add(modes[p->mode].where, &p->addresses);
    if (p->ports.count == 0)
        s = discovery_ranges_parse_ports(slice_of(modes[p->mode].ports), &p->ports, why);
    if (p->mode == PLAN_LOCAL || is_loopback(&p->addresses))
        p->limits.host_rate = SCAN_HOST_RATE_NONE; /* nobody else hears it */
    return s;
}

static void lower(uint32_t *limit, uint32_t otherwise, uint64_t wish)
{
    uint32_t most = *limit ? *limit : otherwise;
    if (wish > 0 && wish < most)
        *limit = (uint32_t)wish;
}

static enum status read_time(const struct json *v, uint64_t *ms, struct buffer *why)
{
    if (!given(v) || clock_parse_timespan(json_string(v), ms))
        return OK;
    buffer_text(why, "A time span is written hh:mm:ss.");
    return BAD_ARGUMENT;
}

static enum status read_limits(const struct json *config, struct plan *p, struct buffer *why)
{
    uint64_t probes = 0, timeout_ms = 0;
    p->idle_ms = PLAN_IDLE_MS;
    json_u64(json_get_nocase(config, "maxPortProbes"), &probes);
    enum status s = read_time(json_get_nocase(config, "portProbeTimeout"), &timeout_ms, why);
    if (s == OK)
        s = read_time(json_get_nocase(config, "idleTimeBetweenScans"), &p->idle_ms, why);
    lower(&p->limits.in_flight_max, SCAN_IN_FLIGHT, probes);
    lower(&p->limits.cap_ms, SCAN_CAP_MS, timeout_ms);
    return s;
}

static enum status read_config(const struct json *config, struct plan *p, struct buffer *why)
{
    if (given(config) && !json_is(config, JSON_OBJECT)) {
        buffer_text(why, "configuration is not an object.");
        return BAD_ARGUMENT;
    }
    enum status s = read_ranges(config, p, why);
    if (s == OK)
        s = read_urls(config, p, why);
    if (s == OK)
        s = read_texts(json_get_nocase(config, "locales"), p, &p->locales, &p->locale_count, why);
    return s == OK ? read_limits(config, p, why) : s;
}

static struct slice text_of(const struct json *v, struct plan *p)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    struct slice copy = {0};
    if (given(v)) {
        json_put_value(&w, v);
        copy = arena_copy(&p->arena, buffer_slice(&text));
    }
    buffer_clear(&text);
    return copy;
}

static enum status keep_or_clear(enum status s, struct plan *p, struct plan *out)
{
    if (s == OK)
        *out = *p;
    else
        discovery_plan_clear(p);
    return s;
}

enum status discovery_plan_read(const struct json *request, const struct scan_limits *limits,
                                struct plan *out, struct buffer *why)
{
    struct plan p = {.limits = *limits};
    const struct json *config = json_get_nocase(request, "configuration");
    struct slice id = json_string(json_get_nocase(request, "id"));
    enum status s = OK;
    if (id.len > PLAN_ID_MAX || (given(request) && !json_is(request, JSON_OBJECT))) {
        buffer_text(why, "The request is no object with an id of up to 128 letters.");
        return BAD_ARGUMENT;
    }
    p.id = arena_copy(&p.arena, id);
    s = read_mode(json_get_nocase(request, "discovery"), &p, why);
    if (s == OK)
        s = read_config(config, &p, why);
    p.configuration = text_of(config, &p);
    p.context = text_of(json_get_nocase(request, "context"), &p);
    return keep_or_clear(s, &p, out);
}

enum status discovery_plan_read_desired(const struct json *desired,
                                        const struct scan_limits *limits, struct plan *out,
                                        struct buffer *why)
{
    struct plan p = {.limits = *limits};
    enum status s = read_mode(json_get_nocase(desired, "Discovery"), &p, why);
    enum plan_mode mode = p.mode;
    if (s == OK && mode != PLAN_OFF) /* ranges alone do not turn it on */
        s = read_config(desired, &p, why);
    p.idle_ms = p.idle_ms ? p.idle_ms : PLAN_IDLE_MS;
    return keep_or_clear(s, &p, out);
}

bool discovery_plan_allows(const struct plan *p, const struct ranges *networks, uint32_t address)
{
    return discovery_ranges_has(p->addresses_given ? &p->addresses : networks, address);
}

void discovery_plan_clear(struct plan *p)
{
    discovery_ranges_clear(&p->addresses);
    discovery_ranges_clear(&p->ports);
    arena_clear(&p->arena);
    *p = (struct plan){0};
}
