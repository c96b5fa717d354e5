/*
 * The inside of a writer, for its files: writer.c (its life, its metadata, its topic), writer_values.c (what
 * comes from sources becomes messages), writer_plan.c (its items, as a plan has them).
 */
#pragma once

#include "writers/writer.h"

#include "writers/backfill.h"
#include "writers/diagnostics_dump.h"
#include "writers/item.h"
#include "writers/watchdog.h"
#include "writers/writer_metadata.h"

struct writer {
    struct writer_config config;
    struct data_set data_set;
    struct buffer key, same_key, name;
    struct source_spec *next; /* at another pace, until sources have been asked; NULL: none */
    struct writer_metadata *metadata; /* NULL: none is sent */
    struct source_spec spec;
    struct item_home home;
    struct backfill_config backfill;
    struct watchdog *watchdog; /* NULL: none */
    uint32_t now_ms;           /* for it */
    struct diagnostics_dump *dump; /* NULL: none */
    struct routed *routed;   /* NULL: topics have no browse path */
    struct buffer spec_text; /* what the spec's slices point to */
    struct data_set *late; /* of values that were missed; NULL: nobody wants them */
    UA_DateTime clock;     /* ours or the server's, whichever is ahead, as of the notification that is told */
    struct item **items;
    size_t item_count, item_cap;
    uint32_t stamp;
    uint32_t key_frame_count;
    bool keep_alive_messages, keep_alive_key_frames, last_in_batch;
    enum plan_stamp stamp_of; /* messages */
    bool marked, waiting; /* waiting: for the metadata, and takes nothing */
    /* Values of items that came more than once in a notification wait here for the next data set
     * message. */
    uint32_t *later;
    size_t later_cap;
};

/* ---- writer.c ---- */

/* Its fields are others than those that were asked about. */
void writer_ask_again(struct writer *w);
/* What its fields are is asked of the server; until it is known the writer takes nothing. */
void writer_ask_metadata(struct writer *w, struct opcua_session *s);

/* ---- writer_values.c ---- */

heartbeat_fn writer_on_heartbeat;
/* Values can come from this source. */
void writer_meet_server(struct writer *w, struct source *s);
