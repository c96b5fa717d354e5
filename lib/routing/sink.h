/*
 * Where outlets deliver to: a stream of its own (sink_stream.c), a webhook (sink_webhook.c), a file
 * (sink_file.c). Each takes batches on the outlet's loop and answers with outlet_batch_done().
 */
#pragma once

#include "events/partition.h"
#include "routing/event_json.h"
#include "routing/outlet.h"

/* ---- a stream: partitions of its own, read at its name as the built-in one is ---- */

struct routing_stream {
    char *name;
    unsigned partition_count;
    struct partition *partitions[EVENTS_PARTITIONS_MAX]; /* each on the loop that it names */
};

extern const struct sink_ops sink_stream; /* the sink is a struct routing_stream */

/* ---- webhooks: one for all of them, for they share connections ---- */

struct sink_webhooks;

/* Calls are made on `loop`. What is given up goes to `folder`/dead-letters/NAME.jsonl, which is
 * renamed to NAME.1.jsonl, over an older one, when it is larger than SINK_DEAD_LETTERS_BYTES_MAX.
 */
#define SINK_DEAD_LETTERS_BYTES_MAX (256u << 20)
struct sink_webhooks *sink_webhooks_new(struct loop *loop, const char *hub_name,
                                        const char *folder);
/* When no loop runs any more. */
void sink_webhooks_free(struct sink_webhooks **w);

extern const struct sink_ops sink_webhook; /* the sink is a struct sink_webhooks */

/* ---- files: lines of JSON in `folder`/NAME/, each file for a time and a size ---- */

struct sink_file;

/* Writes on helper threads of `loop`, one at a time, and syncs before a batch is done. The file
 * that is being written ends in ".open". */
struct sink_file *sink_file_new(struct loop *loop, const char *hub_name, const char *folder,
                                const char *name);
bool sink_file_is_idle(const struct sink_file *s);
/* When no loop runs any more. One that a helper thread may still have is left to the system. */
void sink_file_free(struct sink_file **s);

extern const struct sink_ops sink_file; /* the sink is a struct sink_file */
