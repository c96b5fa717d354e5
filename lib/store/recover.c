/*
 * What open finds: only the last segment is read through, the others are believed until somebody
 * reads them. A tail that a crash tore is cut off (tear.h); a hole elsewhere is damage.
 */
#include <inttypes.h>

#include "base/log.h"
#include "store/directory.h"
#include "store/log_priv.h"
#include "store/scan.h"
#include "store/tear.h"

uint64_t store_log_limit(const struct store_log *l, size_t n)
{
    return n + 1 < l->segments.count ? l->segments.at[n + 1].first : l->durable + 1;
}

/* ---- one segment ---- */

static enum status open_segment(struct store_log *l, const struct store_segment *s,
                                struct store_file **out)
{
    struct store_path path = store_segment_path(l->config.directory, s, "log");
    return l->config.disk->ops->open(l->config.disk, path.text, false, out);
}

static enum status find_size(struct store_log *l, struct store_segment *s, struct store_file *f)
{
    enum status status = f->disk->ops->size(f, &s->size);
    s->unsized = status != OK;
    if (status == OK)
        l->bytes += s->size;
    return status;
}

enum status store_log_open_segment(struct store_log *l, size_t n, struct store_file **out)
{
    struct store_segment *s = &l->segments.at[n], known = store_log_known(l, n);
    enum status status = open_segment(l, s, out);
    if (status == NOT_FOUND && !store_log_in_place(l->lock, l->config.directory, &known))
        return IO_FAILED;
    if (status == NOT_FOUND) /* its directory may have come back between the two questions */
        status = open_segment(l, s, out);
    if (status == OK && s->unsized) {
        status = find_size(l, s, *out);
        if (status != OK)
            l->config.disk->ops->close(out);
    }
    return status;
}

/* Notes every record in the index. What is missing before the last whole one is damage, or with a
 * tear only looked at. */
static enum status read_through(struct store_log *l, struct store_scan *scan,
                                struct store_index *index, struct store_tear *tear)
{
    struct store_record r;
    uint64_t expected;
    enum status status;
    for (;;) {
        uint64_t at = scan->good_end;
        status = store_scan_next(scan, &r, &expected);
        if (status != OK)
            return status == CLOSED ? OK : status;
        if (tear)
            store_tear_look(tear, scan, &r, expected, at);
        else if (r.sequence > expected)
            store_log_note_damage(l, expected, r.sequence - 1, "hole");
        store_index_note(index, r.sequence, scan->good_end - STORE_RECORD_HEADER - r.bytes.len);
        store_index_stamp(index, r.wall_ms);
    }
}

static enum status load_index(struct store_log *l, struct store_segment *s)
{
    struct store_disk *d = l->config.disk;
    struct store_path path = store_segment_path(l->config.directory, s, "index");
    struct store_file *f;
    enum status status = d->ops->open(d, path.text, false, &f);
    if (status != OK)
        return status;
    uint64_t size = 0;
    struct buffer bytes = {0};
    status = d->ops->size(f, &size);
    if (status == OK)
        status = d->ops->read(f, 0, (size_t)size, &bytes);
    if (status == OK)
        status =
            store_index_decode(buffer_slice(&bytes), store_segment_salt(s),
                               s->unsized ? UINT64_MAX : s->size, &s->index);
    buffer_clear(&bytes);
    d->ops->close(&f);
    s->indexed = status == OK;
    uint64_t age = store_log_age(l);
    if (s->indexed && s->index.age_ms > age)
        l->age_at_open += s->index.age_ms - age; /* what was remembered was older */
    return status;
}

static enum status rebuild_index(struct store_log *l, size_t n)
{
    struct store_segment *s = &l->segments.at[n];
    struct store_file *f;
    struct store_scan scan;
    struct store_index index = {0};
    enum status status = store_log_open_segment(l, n, &f);
    if (status != OK)
        return IO_FAILED;
    store_scan_init(&scan, f, store_segment_salt(s), 0, s->size, s->first, store_log_limit(l, n));
    status = read_through(l, &scan, &index, NULL);
    if (status == OK && scan.expected < scan.limit)
        store_log_note_damage(l, scan.expected, scan.limit - 1, "end");
    store_scan_clear(&scan);
    if (status != OK) {
        store_index_clear(&index);
        return status;
    }
    index.age_ms = store_log_age(l); /* not known: kept as long as can be */
    s->index = index;
    s->indexed = s->unsaved = true;
    store_log_upkeep_soon(l);
    return OK;
}

enum status store_log_need_index(struct store_log *l, size_t n)
{
    struct store_segment *s = &l->segments.at[n];
    if (s->indexed || load_index(l, s) == OK)
        return OK;
    return rebuild_index(l, n);
}

/* ---- the directory ---- */

static void doom(struct store_log *l, size_t n)
{
    const struct store_segment *s = &l->segments.at[n];
    store_segments_add(&l->doomed, (struct store_segment){.first = s->first, .tag = s->tag});
    store_segments_drop(&l->segments, n);
}

/* Left from a commit that failed before the next segment was begun at the same number, or dropped
 * before the crash. */
static void doom_leftovers(struct store_log *l)
{
    for (size_t n = 0; n + 1 < l->segments.count;) {
        uint64_t limit = l->segments.at[n + 1].first;
        if (l->segments.at[n].first == limit || limit <= l->remember.first)
            doom(l, n);
        else
            n++;
    }
}

static void take_segments(struct store_log *l, struct slice names)
{
    struct slice name;
    struct store_segment s;
    while (names.len && slice_split(&names, 0, &name)) {
        if (!store_segment_parse(name, "log", &s))
            continue;
        store_segments_add(&l->segments, s);
        if (s.tag >> 32 > l->files_made)
            l->files_made = (uint32_t)(s.tag >> 32);
    }
    store_segments_sort(&l->segments);
}

/* Those whose segment has gone. */
static void doom_indexes(struct store_log *l, struct slice names)
{
    struct slice name;
    struct store_segment s;
    while (names.len && slice_split(&names, 0, &name)) {
        if (!store_segment_parse(name, "index", &s))
            continue;
        size_t n = store_segments_find(&l->segments, s.first);
        if (n >= l->segments.count || l->segments.at[n].tag != s.tag)
            store_segments_add(&l->doomed, s);
    }
}

static enum status find_segments(struct store_log *l)
{
    struct buffer names = {0};
    enum status s = l->config.disk->ops->list(l->config.disk, l->config.directory, &names);
    if (s == OK) {
        take_segments(l, buffer_slice(&names));
        doom_indexes(l, buffer_slice(&names));
    }
    buffer_clear(&names);
    return s;
}

/* One that does not open is no reason not to start, as long as where the log ends is known: who reads it waits
 * for it, and may give it up. */
static enum status find_sizes(struct store_log *l)
{
    for (size_t n = 0; n < l->segments.count; n++) {
        struct store_file *f;
        struct store_segment *segment = &l->segments.at[n];
        enum status s = open_segment(l, segment, &f);
        if (s == OK) {
            s = find_size(l, segment, f);
            segment->worn = f->read_only;
            f->disk->ops->close(&f);
        }
        segment->unsized = s != OK;
        bool last = n + 1 == l->segments.count;
        if (s != OK && (s != IO_FAILED || last))
            return s;
    }
    return OK;
}

/* A disk that is full already is no reason not to start. */
static void reserve(struct store_log *l, const char *path)
{
    bool made = false;
    bool syncs = l->config.durability == STORE_FSYNC;
    enum status s = store_remember_reserve(l->config.disk, path, syncs, &made);
    if (s == OK && made && syncs)
        s = l->config.disk->ops->sync_directory(l->config.disk, l->config.directory);
    if (s != OK)
        log_warn("no room is kept for the cursors path=%s status=%s", path, status_name(s));
}

static enum status find_remembered(struct store_log *l)
{
    struct store_path path = store_path_in(l->config.directory, "cursors");
    enum status s = store_remember_load(l->config.disk, path.text, &l->remember, &l->remember_turn);
    if (s == BAD_FORMAT)
        store_log_note_damage(l, 1, 0, "cursors");
    if (s == UNSUPPORTED)
        log_error("log is of another release directory=%s", l->config.directory);
    if (s == OK || s == NOT_FOUND || s == BAD_FORMAT)
        reserve(l, path.text);
    l->age_at_open = l->remember.age_ms;
    return s == BAD_FORMAT || s == NOT_FOUND ? OK : s;
}

/* ---- the last segment ---- */

/* What a crash tore, or what the file had in it before: room that was kept, records of the segment that it was. After it,
 * what is in the file is what is read: on the disk too, before anybody is told. */
static enum status cut(struct store_log *l, struct store_file *f, uint64_t from, uint64_t to,
                       bool torn)
{
    enum status s = OK;
    if (from > to && torn)
        log_warn("log tail torn: records that were not durable yet are cut off directory=%s "
                 "first=%" PRIu64 " bytes=%" PRIu64,
                 l->config.directory, l->next, from - to);
    else if (from > to)
        log_info("log tail cut directory=%s bytes=%" PRIu64, l->config.directory, from - to);
    if (from > to)
        s = f->disk->ops->truncate(f, to);
    if (s == OK && l->config.durability == STORE_FSYNC)
        s = f->disk->ops->sync(f);
    return s;
}

/* Up to byte `end`; how far it is good, and the number behind that. */
static enum status scan_last(struct store_log *l, struct store_segment *segment,
                             struct store_file *f, struct store_tear *tear, uint64_t *end)
{
    struct store_scan scan;
    store_index_clear(&segment->index);
    store_scan_init(&scan, f, store_segment_salt(segment), 0, *end, segment->first, UINT64_MAX);
    enum status s = read_through(l, &scan, &segment->index, tear);
    *end = scan.good_end;
    l->next = scan.expected;
    scan.file = NULL; /* it goes on */
    store_scan_clear(&scan);
    return s;
}

/* Numbers that somebody may have seen: they were durable before the crash. */
static uint64_t last_seen(const struct store_log *l)
{
    uint64_t seen = l->remember.durable;
    for (size_t i = 0; i < l->remember.count; i++)
        if (l->remember.cursors[i].sequence > seen)
            seen = l->remember.cursors[i].sequence;
    return seen;
}

/* One that may only be read stays as it is: the next commit begins another, and what lies behind that one's first is
 * not read. */
static enum status read_last(struct store_log *l, struct store_segment *segment, uint64_t *seen)
{
    struct store_file *f;
    struct store_tear tear = {0};
    uint64_t end = segment->size;
    enum status s = open_segment(l, segment, &f);
    if (s != OK)
        return s;
    f->disk->ops->forget(f); /* what a sync that failed left in memory would pass for written */
    s = scan_last(l, segment, f, &tear, &end);
    bool torn = s == OK && tear.holes && store_tear_found(&tear, *seen);
    if (s == OK && tear.holes) { /* once more, for now it is known what is damage */
        end = torn ? tear.at : end;
        s = scan_last(l, segment, f, NULL, &end);
    }
    if (s == OK && !f->read_only)
        s = cut(l, f, segment->size, end, torn);
    l->bytes -= segment->size - end;
    segment->size = end;
    segment->index.age_ms = l->age_at_open;
    segment->indexed = true;
    *seen = tear.durable > *seen ? tear.durable : *seen;
    if (s == OK && !f->read_only)
        l->file = f; /* it goes on */
    else
        f->disk->ops->close(&f);
    return s;
}

/* Numbers that somebody may have seen are not given again. */
static void check_end(struct store_log *l, uint64_t seen)
{
    if (seen < l->next)
        return;
    store_log_note_damage(l, l->next, seen, "end");
    l->next = seen + 1;
    l->roll = true;
}

static enum status drop_empty_last(struct store_log *l)
{
    size_t n = l->segments.count - 1;
    l->config.disk->ops->close(&l->file);
    doom(l, n);
    return store_log_upkeep_now(l); /* how far it was durable, before the name goes that tells it */
}

static enum status recover_last(struct store_log *l)
{
    uint64_t seen = last_seen(l);
    if (l->segments.count == 0) {
        l->next = l->remember.first > 1 ? l->remember.first : 1;
        check_end(l, seen);
        l->durable = l->next - 1;
        return OK;
    }
    struct store_segment *last = &l->segments.at[l->segments.count - 1];
    enum status s = read_last(l, last, &seen);
    if (s != OK)
        return s;
    check_end(l, seen);
    l->durable = l->next - 1;
    return last->size == 0 ? drop_empty_last(l) : OK;
}

static enum status prepare_directory(struct store_log *l)
{
    struct store_disk *d = l->config.disk;
    if (strlen(l->config.directory) > STORE_DIRECTORY_MAX)
        return TOO_LARGE;
    enum status s = store_directory_make(d, l->config.directory);
    struct store_path path = store_path_in(l->config.directory, "lock");
    if (s == OK)
        s = d->ops->lock(d, path.text, &l->lock);
    if (s == BUSY)
        log_error("log is open in another process directory=%s", l->config.directory);
    return s;
}

enum status store_log_recover(struct store_log *l)
{
    enum status s = prepare_directory(l);
    if (s == OK)
        s = find_segments(l);
    if (s == OK)
        s = find_remembered(l);
    doom_leftovers(l);
    if (s == OK)
        s = find_sizes(l);
    if (s == OK)
        s = recover_last(l);
    if (s == OK && l->config.durability == STORE_FSYNC)
        s = l->config.disk->ops->sync_directory(l->config.disk, l->config.directory);
    if (s != OK)
        return s;
    if (l->segments.count > 1 && load_index(l, &l->segments.at[l->segments.count - 2]) != OK)
        log_debug("index not found directory=%s", l->config.directory);
    if (l->doomed.count)
        store_log_upkeep_soon(l);
    return OK;
}
