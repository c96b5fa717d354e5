/*
 * The numbers of writers in their group, and of groups in the publisher, as messages have them: 16
 * bits. They count up; when all have been used, those come again that are free, the longest ago
 * first, so that a number means another one as late as can be. With more than 65536 at once numbers
 * go on and are cut to 16 bits where a message has no more. `{0}` begins at 0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct wire_ids {
    uint32_t next;
    uint16_t *free; /* a ring */
    size_t at, count, cap;
};

uint32_t wire_ids_take(struct wire_ids *ids);
/* Nobody has it any more. */
void wire_ids_give(struct wire_ids *ids, uint32_t id);
void wire_ids_clear(struct wire_ids *ids);
