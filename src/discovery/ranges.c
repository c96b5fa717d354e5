#include "discovery/ranges.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#define PORT_MAX 65535

void discovery_ranges_address_text(uint32_t a, char out[RANGES_ADDRESS_MAX])
{
    snprintf(out, RANGES_ADDRESS_MAX, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

bool discovery_ranges_address_parse(struct slice text, uint32_t *out)
{
    uint32_t address = 0;
    struct slice part;
    int parts = 0;
    for (; parts < 4 && slice_split(&text, '.', &part); parts++) {
        uint64_t n;
        if (part.len > 3 || !slice_to_u64(part, &n) || n > 255)
            return false;
        address = address << 8 | (uint32_t)n;
    }
    *out = address;
    return parts == 4 && text.at == NULL;
}

/* Takes the two that touch or overlap together; the list is sorted but for the last. */
static void merge(struct ranges *r)
{
    size_t kept = 0;
    r->total = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct range *last = kept ? &r->items[kept - 1] : NULL;
        if (last && r->items[i].low <= (uint64_t)last->high + 1) {
            if (r->items[i].high > last->high)
                last->high = r->items[i].high;
        } else {
            r->items[kept++] = r->items[i];
        }
    }
    r->count = kept;
    for (size_t i = 0; i < kept; i++)
        r->total += (uint64_t)r->items[i].high - r->items[i].low + 1;
}

enum status discovery_ranges_add(struct ranges *r, uint32_t low, uint32_t high)
{
    if (r->count == RANGES_MAX)
        return FULL;
    if (r->count == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->items = memory_resize(r->items, r->cap * sizeof(*r->items));
    }
    size_t at = r->count++;
    for (; at > 0 && r->items[at - 1].low > low; at--)
        r->items[at] = r->items[at - 1];
    r->items[at] = (struct range){low, high};
    merge(r);
    return OK;
}

uint32_t discovery_ranges_at(const struct ranges *r, uint64_t i)
{
    for (size_t k = 0; k < r->count; k++) {
        uint64_t count = (uint64_t)r->items[k].high - r->items[k].low + 1;
        if (i < count)
            return r->items[k].low + (uint32_t)i;
        i -= count;
    }
    return 0;
}

bool discovery_ranges_has(const struct ranges *r, uint32_t number)
{
    for (size_t k = 0; k < r->count; k++)
        if (r->items[k].low <= number && number <= r->items[k].high)
            return true;
    return false;
}

void discovery_ranges_clear(struct ranges *r)
{
    free(r->items);
    *r = (struct ranges){0};
}

/* ---- texts ---- */

static bool parse_network(struct slice text, size_t slash, struct range *out)
{
    uint32_t address;
    uint64_t bits;
    if (!discovery_ranges_address_parse(slice_first(text, slash), &address) ||
        !slice_to_u64(slice_skip(text, slash + 1), &bits) || bits > 32)
        return false;
    uint32_t hosts = bits == 32 ? 0 : UINT32_MAX >> bits;
    out->low = address & ~hosts;
    out->high = address | hosts;
    if (bits <= 30) {
        out->low++;
        out->high--;
    }
    return true;
}

static bool parse_address_range(struct slice text, struct range *out)
{
    size_t slash = slice_find(text, '/'), dash = slice_find(text, '-');
    if (slash < text.len)
        return parse_network(text, slash, out);
    if (!discovery_ranges_address_parse(slice_trim(slice_first(text, dash)), &out->low))
        return false;
    out->high = out->low;
    return dash == text.len ||
           (discovery_ranges_address_parse(slice_trim(slice_skip(text, dash + 1)), &out->high) &&
            out->low <= out->high);
}

static bool parse_port(struct slice text, uint32_t star, uint32_t *out)
{
    uint64_t n = star;
    text = slice_trim(text);
    if (!slice_eq(text, SLICE("*")) && (!slice_to_u64(text, &n) || n > PORT_MAX))
        return false;
    *out = (uint32_t)n;
    return true;
}

/* "4840", "4840-4841", "6-*", "*". */
static bool parse_port_range(struct slice text, struct range *out)
{
    size_t dash = slice_find(text, '-');
    if (!parse_port(slice_first(text, dash), 1, &out->low))
        return false;
    out->high = slice_eq(text, SLICE("*")) ? PORT_MAX : out->low;
    return dash == text.len ||
           (parse_port(slice_skip(text, dash + 1), PORT_MAX, &out->high) && out->low <= out->high);
}

static enum status refuse(enum status s, struct slice text, const char *what, struct buffer *why)
{
    buffer_printf(why, "'%.*s' %s.", SLICE_FMT(slice_first(text, 64)), what);
    return s;
}

static bool take_part(struct slice *text, struct slice *part)
{
    size_t a = slice_find(*text, ';'), b = slice_find(*text, ',');
    return slice_split(text, a < b ? ';' : ',', part);
}

typedef bool parse_fn(struct slice text, struct range *out);

static enum status parse(struct slice text, parse_fn *fn, const char *what, struct ranges *out,
                         struct buffer *why)
{
    struct ranges r = {0};
    struct slice part;
    enum status s = OK;
    while (s == OK && text.len && take_part(&text, &part)) {
        struct range one;
        part = slice_trim(part);
        if (part.len == 0)
            continue;
        if (!fn(part, &one))
            s = refuse(BAD_FORMAT, part, what, why);
        else if (discovery_ranges_add(&r, one.low, one.high) != OK)
            s = refuse(TOO_LARGE, part, "is one range too many", why);
    }
    if (s == OK) {
        discovery_ranges_clear(out);
        *out = r;
    } else {
        discovery_ranges_clear(&r);
    }
    return s;
}

enum status discovery_ranges_parse_addresses(struct slice text, struct ranges *out,
                                             struct buffer *why)
{
    struct ranges r = {0};
    enum status s = parse(text, parse_address_range,
                          "is not an address, a network or a range of addresses", &r, why);
    if (s == OK && r.total > RANGES_ADDRESSES_MAX)
        s = refuse(TOO_LARGE, text, "has more addresses than a /12", why);
    if (s == OK) {
        discovery_ranges_clear(out);
        *out = r;
    } else {
        discovery_ranges_clear(&r);
    }
    return s;
}

enum status discovery_ranges_parse_ports(struct slice text, struct ranges *out, struct buffer *why)
{
    return parse(text, parse_port_range, "is not a port or a range of ports", out, why);
}

void discovery_ranges_print_addresses(const struct ranges *r, struct buffer *out)
{
    char low[RANGES_ADDRESS_MAX], high[RANGES_ADDRESS_MAX];
    for (size_t i = 0; i < r->count; i++) {
        discovery_ranges_address_text(r->items[i].low, low);
        discovery_ranges_address_text(r->items[i].high, high);
        buffer_printf(out, "%s%s", i ? ";" : "", low);
        if (r->items[i].high != r->items[i].low)
            buffer_printf(out, "-%s", high);
    }
}

void discovery_ranges_print_ports(const struct ranges *r, struct buffer *out)
{
    for (size_t i = 0; i < r->count; i++) {
        buffer_printf(out, "%s%u", i ? ";" : "", r->items[i].low);
        if (r->items[i].high != r->items[i].low)
            buffer_printf(out, "-%u", r->items[i].high);
    }
}
