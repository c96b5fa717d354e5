/*
 * Ranges of IPv4 addresses and of ports, as people write them: "10.0.0.0/24;10.1.0.5-10.1.0.9",
 * "4840-4841;48010;*". Kept sorted and without overlaps, so the same ones print alike.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define RANGES_MAX 1024                 /* in one list */
#define RANGES_ADDRESSES_MAX (1u << 20) /* in one list: a /12 */

struct range {
    uint32_t low, high; /* both belong to it; addresses in host order */
};

/* `{0}` is empty. */
struct ranges {
    struct range *items;
    size_t count, cap;
    uint64_t total; /* numbers in all of them */
};

/* Of a network the network's own and the broadcast address are left out, up to /30. Separators are
 * ';' and ','. BAD_FORMAT and TOO_LARGE append a sentence to *why; *out is touched only on success.
 */
CHECKED enum status discovery_ranges_parse_addresses(struct slice text, struct ranges *out,
                                                     struct buffer *why);
CHECKED enum status discovery_ranges_parse_ports(struct slice text, struct ranges *out,
                                                 struct buffer *why);

/* FULL beyond RANGES_MAX. */
CHECKED enum status discovery_ranges_add(struct ranges *r, uint32_t low, uint32_t high);

bool discovery_ranges_has(const struct ranges *r, uint32_t number);

/* The i-th number of all, i < total. */
uint32_t discovery_ranges_at(const struct ranges *r, uint64_t i);

void discovery_ranges_print_addresses(const struct ranges *r, struct buffer *out);
void discovery_ranges_print_ports(const struct ranges *r, struct buffer *out);
void discovery_ranges_clear(struct ranges *r);

#define RANGES_ADDRESS_MAX 16
void discovery_ranges_address_text(uint32_t address, char out[RANGES_ADDRESS_MAX]);
bool discovery_ranges_address_parse(struct slice text, uint32_t *out);
