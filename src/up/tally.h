/*
 * The demo's books: what arrived at the hub of what the plant counted. Reads PubSub JSON messages (one
 * network message or an array of them; other schemas are passed over), counts values, and holds two kinds of proof against gaps:
 *
 *   - the plant's counters ("Load1" …) grow by exactly one with every change;
 *   - the publisher numbers its messages: millrace-source, millrace-epoch, millrace-sequence.
 */
#pragma once

#include "base/map.h"
#include "iot/message.h"

struct tally {
    uint64_t messages, values;
    uint64_t missing;  /* counter steps or messages that were skipped */
    uint64_t doubles;  /* messages that came again */
    uint64_t broken;   /* bodies that are no PubSub JSON */
    struct map series; /* name -> the last number seen; a restart of source or plant begins a new one */
};

void tally_message(struct tally *t, const struct iot_message *m);
void tally_clear(struct tally *t);
