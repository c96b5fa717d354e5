#include "discovery/mdns.h"

#include <ctype.h>
#include <string.h>

#include "discovery/ranges.h"

#define SERVICE "_opcua-tcp._tcp.local"
#define HEADER_BYTES 12
#define JUMPS_MAX 16
#define IS_RESPONSE 0x8000
#define CLASS_IN 1
#define CLASS_MASK 0x7fff /* the highest bit says that a cache is to be flushed: 10.2 */
#define TXT_BYTES_MAX 1300

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_TXT = 16, TYPE_SRV = 33 };

/* ---- asking ---- */

static void put_name(struct buffer *out, struct slice name)
{
    struct slice label;
    while (name.len && slice_split(&name, '.', &label)) {
        buffer_u8(out, (uint8_t)label.len);
        buffer_put(out, label);
    }
    buffer_u8(out, 0);
}

void discovery_mdns_put_query(struct buffer *out)
{
    static const uint16_t header[] = {0, 0, 1, 0, 0, 0}; /* id, flags, one question */
    for (size_t i = 0; i < 6; i++)
        buffer_u16(out, header[i]);
    put_name(out, SLICE(SERVICE));
    buffer_u16(out, TYPE_PTR);
    buffer_u16(out, CLASS_IN);
}

/* ---- reading ---- */

/* Remembers that something was missing, and gives zeros from then on. */
struct cursor {
    struct slice packet;
    size_t at;
    bool bad;
};

static uint32_t take(struct cursor *c, size_t bytes)
{
    uint32_t v = 0;
    if (c->bad || c->packet.len - c->at < bytes) {
        c->bad = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | c->packet.at[c->at++];
    return v;
}

/* One label after the other; a pointer leads back to an earlier place (RFC 1035, 4.1.4), and never forward. */
static struct slice take_name(struct cursor *c, char text[MDNS_NAME_MAX])
{
    struct cursor walk = *c;
    size_t len = 0;
    int jumps = 0;
    for (uint8_t size; (size = (uint8_t)take(&walk, 1)) != 0 && !walk.bad;) {
        if ((size & 0xc0) == 0xc0) {
            size_t here = walk.at - 1, to = (size_t)(size & 0x3f) << 8 | take(&walk, 1);
            if (jumps++ == 0)
                c->at = walk.at;
            walk.bad |= to >= here || jumps > JUMPS_MAX;
            walk.at = to;
            continue;
        }
        if (size & 0xc0 || len + size + 2 > MDNS_NAME_MAX || walk.packet.len - walk.at < size) {
            walk.bad = true;
            break;
        }
        if (len)
            text[len++] = '.';
        for (; size; size--)
            text[len++] = (char)tolower(walk.packet.at[walk.at++]);
    }
    if (jumps == 0)
        c->at = walk.at;
    c->bad |= walk.bad;
    return slice_from(text, c->bad ? 0 : len);
}

static void skip(struct cursor *c, size_t bytes)
{
    if (c->bad || c->packet.len - c->at < bytes)
        c->bad = true;
    else
        c->at += bytes;
}

/* ---- records ---- */

struct host {
    struct slice name;
    uint32_t address;
};

struct found_service {
    struct mdns_service s;
    struct slice host;
    bool located, gone; /* has an SRV record; says goodbye */
};

struct answer {
    struct arena *arena;
    struct found_service services[MDNS_SERVICES_MAX];
    size_t service_count;
    struct host hosts[MDNS_SERVICES_MAX];
    size_t host_count;
};

/* Of the kind that we look for; NULL: of another, or there is no room. */
static struct found_service *service_of(struct answer *a, struct slice name)
{
    if (!slice_ends(name, SLICE("." SERVICE)))
        return NULL;
    for (size_t i = 0; i < a->service_count; i++)
        if (slice_eq(a->services[i].s.name, name))
            return &a->services[i];
    if (a->service_count == MDNS_SERVICES_MAX)
        return NULL;
    struct found_service *s = &a->services[a->service_count++];
    *s = (struct found_service){.s = {.name = arena_copy(a->arena, name)}};
    return s;
}

static void read_srv(struct answer *a, struct cursor *c, struct slice name, uint32_t ttl)
{
    char text[MDNS_NAME_MAX];
    skip(c, 4); /* priority and weight: all are asked */
    uint16_t port = (uint16_t)take(c, 2);
    struct slice host = take_name(c, text);
    struct found_service *s = c->bad ? NULL : service_of(a, name);
    if (s == NULL)
        return;
    s->s.port = port;
    s->host = arena_copy(a->arena, host);
    s->located = port != 0;
    s->gone = ttl == 0;
}

/* "path=/ua", "caps=DA,HD", each with its length before it. */
static void read_txt(struct answer *a, struct cursor *c, struct slice name, size_t size)
{
    struct found_service *s = service_of(a, name);
    size_t end = c->at + size;
    while (s && size <= TXT_BYTES_MAX && c->at < end && !c->bad) {
        size_t len = take(c, 1);
        if (len > end - c->at)
            return;
        struct slice text = slice_from(c->packet.at + c->at, len);
        c->at += len;
        if (slice_starts(text, SLICE("path=")))
            s->s.path = arena_copy(a->arena, slice_skip(text, 5));
        else if (slice_starts(text, SLICE("caps=")))
            s->s.capabilities = arena_copy(a->arena, slice_skip(text, 5));
    }
}

static void read_a(struct answer *a, struct cursor *c, struct slice name)
{
    uint32_t address = take(c, 4);
    if (!c->bad && a->host_count < MDNS_SERVICES_MAX)
        a->hosts[a->host_count++] = (struct host){arena_copy(a->arena, name), address};
}

static void read_record(struct answer *a, struct cursor *c)
{
    char text[MDNS_NAME_MAX];
    struct slice name = take_name(c, text);
    uint32_t type = take(c, 2), class = take(c, 2) & CLASS_MASK, ttl = take(c, 4), size = take(c, 2);
    struct cursor data = *c;
    skip(c, size);
    if (c->bad || class != CLASS_IN)
        return;
    data.packet = slice_first(c->packet, c->at); /* no further than its own end */
    if (type == TYPE_SRV)
        read_srv(a, &data, name, ttl);
    else if (type == TYPE_TXT)
        read_txt(a, &data, name, size);
    else if (type == TYPE_A && size == 4)
        read_a(a, &data, name);
}

static uint32_t address_of(const struct answer *a, struct slice host)
{
    for (size_t i = 0; i < a->host_count; i++)
        if (slice_eq(a->hosts[i].name, host))
            return a->hosts[i].address;
    return 0;
}

static size_t give(const struct answer *a, struct mdns_service out[MDNS_SERVICES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < a->service_count; i++) {
        const struct found_service *s = &a->services[i];
        if (!s->located || s->gone)
            continue;
        out[count] = s->s;
        out[count++].address = address_of(a, s->host);
    }
    return count;
}

enum status discovery_mdns_read(struct slice packet, struct arena *arena, struct mdns_service out[MDNS_SERVICES_MAX],
                                size_t *count)
{
    char text[MDNS_NAME_MAX];
    struct cursor c = {.packet = packet};
    struct answer a = {.arena = arena};
    if (packet.len < HEADER_BYTES || packet.len > MDNS_PACKET_MAX)
        return BAD_FORMAT;
    take(&c, 2);
    uint32_t flags = take(&c, 2), questions = take(&c, 2);
    uint32_t records = take(&c, 2) + take(&c, 2) + take(&c, 2);
    *count = 0;
    if (!(flags & IS_RESPONSE))
        return OK; /* others' questions */
    for (uint32_t i = 0; i < questions && !c.bad; i++) {
        take_name(&c, text);
        skip(&c, 4);
    }
    for (uint32_t i = 0; i < records && i < MDNS_RECORDS_MAX && !c.bad; i++)
        read_record(&a, &c);
    if (c.bad)
        return BAD_FORMAT;
    *count = give(&a, out);
    return OK;
}

void discovery_mdns_put_url(const struct mdns_service *s, struct buffer *out)
{
    char host[RANGES_ADDRESS_MAX];
    discovery_ranges_address_text(s->address, host);
    buffer_printf(out, "opc.tcp://%s:%u", host, s->port);
    if (s->path.len && s->path.at[0] != '/')
        buffer_u8(out, '/');
    for (size_t i = 0; i < s->path.len; i++)
        if (s->path.at[i] > ' ' && s->path.at[i] < 0x7f) /* a URL's letters */
            buffer_u8(out, s->path.at[i]);
}
