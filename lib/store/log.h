/*
 * The append log: the edge's store and forward and the hub's partitions. Records have sequence
 * numbers from 1 without gaps, lie in segment files with a CRC32C each, and can be read only when
 * durable. Appends gather while the commit before them runs on a helper thread, so one fdatasync
 * serves all that came meanwhile. One loop owns a log; cursors with names remember what was done.
 *
 * At open a torn tail is cut off. Damage elsewhere is set aside and counted (log_damaged), and reads
 * go on behind it. After a failed fsync the segment is closed for good, waiting appends get
 * IO_FAILED, and the next append begins a new segment.
 */
#pragma once

#include "base/shared.h"
#include "io/loop.h"
#include "store/disk.h"

struct store_log;

enum store_durability { STORE_FSYNC, STORE_OS, STORE_MEMORY };

/* The settings' words for them. `word` is one of these. */
#define STORE_DURABILITY_WORDS "fsync|os|memory"
enum store_durability store_durability(const char *word);

#define STORE_RECORD_MAX (1u << 20)
/* What may wait for a commit; store_log_append() answers FULL beyond it, until on_room. */
#define STORE_GATHER_MAX (32u << 20)
#define STORE_GATHER_MUCH (1u << 20) /* that gather_ms does not hold back */
/* What STORE_MEMORY keeps when retain_bytes is 0 or more than this. */
#define STORE_MEMORY_MAX (64u << 20)

struct store_log_config {
    struct loop *loop;
    struct store_disk *disk;
    const char *directory;      /* made when absent */
    enum store_durability durability;
    uint64_t segment_bytes;     /* 0: 64 MiB */
    uint64_t retain_bytes;      /* oldest segments go beyond it; 0: no limit. Two segments may lie on the
                                 * disk on top of it: the newest when all is read, one that is just going; with reuse two more */
    uint64_t retain_ms;         /* by age of the newest record in a segment; 0: no limit */
    bool retain_unread;         /* never drop what a named cursor has not passed: append answers FULL instead */
    bool reuse; /* with retain_unread: a segment that every cursor has passed goes at once, and a later one is written over it */
    uint32_t gather_ms; /* from one commit's begin to the next one's, unless much waits; 0: none. For who does not wait for them */
    void (*on_durable)(void *arg, uint64_t sequence); /* all up to it can be read now; once a commit */
    void (*on_failed)(void *arg, uint64_t first, uint64_t last, enum status why); /* these will not become durable */
    void (*on_room)(void *arg); /* appends that answered FULL may be tried again */
    void *arg;
};

/* IO_FAILED: the directory cannot be used; the log line says why. Blocks: for program start. */
CHECKED enum status store_log_open(const struct store_log_config *config, struct store_log **out);
/* Commits what has gathered (blocking), then closes. */
void store_log_close(struct store_log **l);

/* All that has gathered, in this thread and without callbacks: for the end. IO_FAILED, and the log line says why: those
 * behind store_log_durable() will not become durable, and their numbers are given again. Blocks. */
CHECKED enum status store_log_commit_all(struct store_log *l);

/* Copies the record. *sequence is its number; on_durable tells when it is safe. TOO_LARGE, FULL. */
CHECKED enum status store_log_append(struct store_log *l, struct slice record, uint64_t wall_ms,
                                     uint64_t *sequence);
/* The same, where the record lies in two places: `head`, then `body`. */
CHECKED enum status store_log_append_parts(struct store_log *l, struct slice head,
                                           struct slice body, uint64_t wall_ms, uint64_t *sequence);

/* The same, where the body is held until it is written, and not copied. */
CHECKED enum status store_log_append_shared(struct store_log *l, struct slice head,
                                            struct shared *body, uint64_t wall_ms,
                                            uint64_t *sequence);

/* The last append answered FULL and there will be no room by commits alone: the log is as large as it may
 * be with what is unread (retain_unread), or the disk is full. */
bool store_log_is_full(struct store_log *l);

uint64_t store_log_first(const struct store_log *l);   /* oldest that can be read; == next when empty */
uint64_t store_log_next(const struct store_log *l);    /* number of the next append */
uint64_t store_log_durable(const struct store_log *l); /* newest that can be read; 0 when none ever */
uint64_t store_log_bytes(const struct store_log *l);
/* How long the log has been open in all its life. It cannot jump, as the wall clock does; after a crash it
 * goes on from a little before. */
uint64_t store_log_age(const struct store_log *l);
uint64_t store_log_damaged(const struct store_log *l); /* records or ranges set aside so far */

struct store_record {
    uint64_t sequence;
    uint64_t wall_ms; /* as given at append */
    struct slice bytes; /* until the reader's next call */
};

struct store_reader;

/* Reads on from `sequence` (clamped to what is kept). Many readers may be open; each has one chunk of memory. */
struct store_reader *store_reader_open(struct store_log *l, uint64_t sequence);
/* OK; AGAIN at the durable end; IO_FAILED: the disk did, and may give it another time. Damage is skipped and counted,
 * and so is a segment whose file somebody removed from its directory; while the directory itself is away that is
 * IO_FAILED. */
CHECKED enum status store_reader_next(struct store_reader *r, struct store_record *out);
/* What it looks for: the records before were given, or cannot be read. */
uint64_t store_reader_at(const struct store_reader *r);
/* That IO_FAILED was for want of files or memory: it says nothing of the disk. */
bool store_reader_lacks(const struct store_reader *r);
/* Right after IO_FAILED. OK: a part of what could not be read was given up as damage, twice as much with each call
 * until a record is read; all of the segment, if its file does not open. AGAIN: a helper thread finds out whether
 * anything else of the log can be read; ask again after the next IO_FAILED. OFFLINE: nothing can, so that its storage
 * may be away, and nothing was given up; nor with BUSY: see store_reader_lacks(). */
CHECKED enum status store_reader_give_up(struct store_reader *r);
void store_reader_seek(struct store_reader *r, uint64_t sequence);
void store_reader_close(struct store_reader **r);

/* The first record stamped at or after wall_ms; the next append's number when there is none. */
uint64_t store_log_find_time(struct store_log *l, uint64_t wall_ms);

/* ---- cursors: "all up to this sequence is done" ---- */

/* 0 when it was never set. */
uint64_t store_cursor_get(struct store_log *l, struct slice name);
/* Written in a moment and synced once a second: after a crash it may be older, never newer, than what was set. */
void store_cursor_set(struct store_log *l, struct slice name, uint64_t sequence);
/* Forgets it; harmless when it was never set. */
void store_cursor_drop(struct store_log *l, struct slice name);
