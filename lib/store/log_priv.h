/*
 * The inside of a log, shared by the files that make it: log.c (open, append, close), recover.c
 * (what open finds), commit.c (memory to disk), upkeep.c (what may be late), retention.c (what
 * goes), presence.c (whether the disk is there), cursor.c, reader.c, find_time.c. Nobody else includes it.
 */
#pragma once

#include "store/block.h"
#include "store/log.h"
#include "store/remember.h"
#include "store/segment.h"

#define STORE_SEGMENT_BYTES (64u << 20)
#define STORE_RECENT_BYTES                                                                         \
    (256u << 10) /* kept in memory for tail readers, besides the last commit */
#define STORE_SPARE_BLOCKS 16
#define STORE_SPARE_SEGMENTS 2
#define STORE_DAMAGE_REMEMBERED 1024 /* ranges; more are counted each time they are met */
#define STORE_DIRECTORY_MAX (STORE_PATH_MAX - 64)

struct store_commit;
struct store_presence;
struct store_upkeep;

struct store_range {
    uint64_t first, last;
};

/* What fails again and again: said when it begins or is another failure, and once a minute. */
struct store_trouble {
    enum status why; /* OK: it goes */
    uint64_t said_ms;
};

struct store_log {
    struct store_log_config config; /* the directory is a copy */
    uint64_t segment_bytes;

    uint64_t next, durable;
    struct list blocks; /* oldest first; the newest takes appends */
    size_t block_bytes;
    struct store_block *uncommitted; /* what no commit has taken begins in it, */
    size_t uncommitted_at;           /* at this byte. NULL before the first append */
    size_t pending;                  /* bytes appended and not durable; STORE_GATHER_MAX */
    uint64_t last_commit_first;      /* the last commit's records stay in memory */
    struct store_block *spare[STORE_SPARE_BLOCKS];
    size_t spare_count;

    struct store_file *lock; /* while it is open, no other process has this log */
    struct store_segments segments;
    uint64_t bytes;          /* of all segments; in memory of all blocks */
    struct store_file *file; /* the last segment, while it takes appends */
    uint64_t reserved;       /* of it, bytes on the disk */
    bool roll;               /* the next commit begins a segment */
    uint32_t files_made;

    struct store_trouble commit_trouble, upkeep_trouble;
    struct store_commit *commit; /* at most one runs */
    struct store_upkeep *upkeep; /* the same */
    struct store_presence *presence; /* the same */
    enum status present;             /* what the last one found: OK, OFFLINE; AGAIN: none ended yet */
    uint64_t present_ms;             /* when, */
    uint64_t present_for;            /* and for which sequence that did not read */
    struct store_remember remember;
    uint64_t remember_turn;
    bool remember_dirty;
    bool remember_synced; /* once, since it was opened; and when: */
    uint64_t remember_synced_ms;
    struct store_segments doomed; /* dropped, and their files are not removed yet */
    uint64_t doomed_bytes;        /* of these, and of those that the upkeep under way removes */
    struct store_segments spares; /* files of dropped ones, under their old names, to be written over */

    struct loop_timer turn, late, mark, probe, sync, gather;
    uint64_t commit_due_ms; /* with gather_ms: not before */
    size_t room_wanted; /* bytes for which append answered FULL; 0: nobody waits */
    bool no_space;      /* the disk said so a moment ago */

    uint64_t age_at_open, opened_ms;
    uint64_t damaged;
    struct store_range damage[STORE_DAMAGE_REMEMBERED];
    size_t damage_count;
    unsigned readers;
};

static inline bool store_in_memory(const struct store_log *l)
{
    return l->config.durability == STORE_MEMORY;
}

static inline struct store_block *store_log_tail(const struct store_log *l)
{
    return list_empty(&l->blocks) ? NULL : LIST_OF(l->blocks.head.prev, struct store_block, link);
}

static inline struct store_block *store_log_head(struct store_log *l)
{
    return list_empty(&l->blocks) ? NULL
                                  : LIST_OF(list_first(&l->blocks), struct store_block, link);
}

/* Commit, retention and room are looked at when this turn ends. */
void store_log_wake(struct store_log *l);

/* Removes it from the list; kept for the next one when that is cheap. */
void store_log_drop_block(struct store_log *l, struct store_block *b);

/* Sequences that cannot be read; an empty range (last < first) counts too. Known ones are not
 * counted again. */
void store_log_note_damage(struct store_log *l, uint64_t first, uint64_t last, const char *what);

/* ---- recover.c ---- */
CHECKED enum status store_log_recover(struct store_log *l);
/* The n-th segment's index is in memory. Blocks, the first time. */
CHECKED enum status store_log_need_index(struct store_log *l, size_t n);
/* The n-th segment's file, and its size, if that was not known. NOT_FOUND: somebody removed that file; IO_FAILED;
 * BUSY (disk.h). */
CHECKED enum status store_log_open_segment(struct store_log *l, size_t n, struct store_file **out);
/* First sequence behind the n-th segment. */
uint64_t store_log_limit(const struct store_log *l, size_t n);

/* ---- commit.c ---- */
/* Unless one runs or nothing waits. */
void store_log_commit(struct store_log *l);

/* ---- upkeep.c ---- */
void store_log_upkeep_soon(struct store_log *l);
/* There is more that is durable: in a while that is remembered, so that a tear which a crash makes
 * later is told from damage. */
void store_log_mark_durable(struct store_log *l);
CHECKED enum status store_log_upkeep_now(struct store_log *l); /* in this thread */

/* ---- retention.c ---- */
void store_log_retain(struct store_log *l);
/* What is kept to be written over goes as well. */
void store_log_doom_spares(struct store_log *l);
/* The disk is full: what every cursor has passed goes, whatever retain_bytes allows. */
void store_log_free_read(struct store_log *l);
/* Room for `bytes` more where nothing unread may go. */
bool store_log_may_grow(struct store_log *l, size_t bytes);

/* ---- presence.c ---- */
/* OK, once: another place of the log was read a moment ago, from the disk itself, and after `sequence` could not be.
 * OFFLINE: none could be. AGAIN: that is being found out. */
CHECKED enum status store_log_presence(struct store_log *l, uint64_t sequence);
/* Blocks while it is being found out. */
void store_log_presence_end(struct store_log *l);

/* ---- log.c ---- */
/* The directory that was opened is still under its name: not so while it is not mounted, and what is written
 * there then is elsewhere. `known` is a segment in it, by whose name it is known where its number is not its own; .first
 * 0: none. The lock's name, if only that is gone, is made again. From any thread. */
bool store_log_in_place(struct store_file *lock, const char *directory,
                        const struct store_segment *known);
/* The newest segment, or another than the n-th. */
struct store_segment store_log_known(const struct store_log *l, size_t other_than);
/* True when it is to be said that this fails, or goes again (OK). Of OFFLINE, the directory's part is said then. */
bool store_log_news(struct store_log *l, struct store_trouble *t, enum status why);
/* Appends answer FULL for a while. */
void store_log_no_space(struct store_log *l);
