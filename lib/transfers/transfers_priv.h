/* One import or export job that runs; for transfers.c, export.c, import.c and mark.c alone. */
#pragma once

#include "transfers/blob.h"
#include "transfers/rows.h"
#include "transfers/transfers.h"

#define TRANSFER_PAUSE_MS 200 /* when the registry has too much to do */

struct transfer {
    struct transfers *owner;
    struct registry *registry;
    struct loop *loop;
    struct arena arena;
    struct slice id;
    bool import, without_keys;
    const char *configurations;    /* the blob of theirs; NULL: they are left out, or next */
    bool in_configurations;        /* the devices are done */
    struct transfer_reader reader; /* of an import */
    struct transfer_writer writer; /* an export's lines, an import's errors */
    /* of an export */
    struct iot_id last; /* on the page before; in `cursor` */
    struct arena cursor;
    uint64_t done, total;
    struct loop_timer pause;
    /* of an import */
    struct buffer lines; /* read and not carried out: whole lines, then the beginning of one */
    size_t at;           /* in them */
    uint64_t line;       /* its number */
    unsigned under_way;  /* lines at the registry, TRANSFER_IMPORTS_MAX */
    uint64_t errors;
    unsigned progress; /* in percent, as it was told last */
    bool telling;      /* progress is on its way to the registry */
    bool reading;      /* a range is on its way */
    bool cancelled;
    const char *reason; /* why it fails; NULL: it does not */
};

void transfer_export_begin(struct transfer *x);
void transfer_import_begin(struct transfer *x);

/* Once, when nothing is under way any more. With a reason it failed. Frees x. */
void transfer_end(struct transfer *x, const char *reason);

/* Where it is now, for a hub that starts again: kept soon, and never before what it speaks of. Of an import when
 * nothing is under way. */
void transfer_mark_save(struct transfer *x);
/* Before it begins: it goes on there. */
void transfer_mark_load(struct transfer *x, const struct json *mark);

/* Tells the registry when it is another percent; x->cancelled may be set later. */
void transfer_progress(struct transfer *x, uint64_t done, uint64_t total);
