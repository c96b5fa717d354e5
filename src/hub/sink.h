/*
 * Where outlets deliver to: a stream of its own (sink_stream.c), a webhook (sink_webhook.c), a file
 * (sink_file.c). Each takes batches on the outlet's loop and answers with hub_batch_done().
 */
#pragma once

#include "hub/event_json.h"
#include "hub/outlet.h"

/* ---- a stream: partitions of its own, read at its name as the built-in one is ---- */

#define HUB_STREAM_PARTITIONS_MAX 32

struct hub_stream {
    char *name;
    unsigned partition_count;
    struct partition *partitions[HUB_STREAM_PARTITIONS_MAX]; /* each on the loop that it names */
};

extern const struct hub_sink_ops hub_sink_stream; /* the sink is a struct hub_stream */

/* ---- webhooks: one for all of them, for they share connections ---- */

struct hub_webhooks;

/* Calls are made on `loop`. What is given up goes to `folder`/dead-letters/NAME.jsonl, which is
 * renamed to NAME.1.jsonl, over an older one, when it is larger than HUB_DEAD_LETTERS_BYTES_MAX. */
#define HUB_DEAD_LETTERS_BYTES_MAX (256u << 20)
struct hub_webhooks *hub_webhooks_new(struct loop *loop, const char *hub_name, const char *folder);
/* When no loop runs any more. */
void hub_webhooks_free(struct hub_webhooks **w);

extern const struct hub_sink_ops hub_sink_webhook; /* the sink is a struct hub_webhooks */

/* ---- files: lines of JSON in `folder`/NAME/, each file for a time and a size ---- */

struct hub_file_sink;

/* Writes on helper threads of `loop`, one at a time, and syncs before a batch is done. The file
 * that is being written ends in ".open". */
struct hub_file_sink *hub_file_sink_new(struct loop *loop, const char *hub_name, const char *folder,
                                        const char *name);
bool hub_file_sink_is_idle(const struct hub_file_sink *s);
/* When no loop runs any more. One that a helper thread may still have is left to the system. */
void hub_file_sink_free(struct hub_file_sink **s);

extern const struct hub_sink_ops hub_sink_file; /* the sink is a struct hub_file_sink */
