#include "store/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/log_priv.h"
#include "store/record.h"

#define TROUBLE_MS 60000
#define PROBE_MS 500 /* after "no space": how soon it is tried again */

/* ---- shared by the files of the log ---- */

uint64_t store_log_age(const struct store_log *l)
{
    return l->age_at_open + (loop_now_ms(l->config.loop) - l->opened_ms);
}

static bool is_there(struct store_disk *d, const char *directory, const struct store_segment *s)
{
    struct store_path path = store_segment_path(directory, s, "log");
    struct store_file *f;
    if (s->first == 0 || d->ops->open(d, path.text, false, &f) != OK)
        return false;
    d->ops->close(&f);
    return true;
}

bool store_log_in_place(struct store_file *lock, const char *directory,
                        const struct store_segment *known)
{
    struct store_path path = store_path_in(directory, "lock");
    if (lock->disk->ops->is_at(lock, path.text))
        return true;
    enum status s = lock->disk->ops->lock_again(lock, path.text);
    if (s == OK)
        log_warn("log lock was gone and is made again directory=%s", directory);
    return s == OK || (s == CONFLICT && is_there(lock->disk, directory, known));
}

bool store_log_news(struct store_log *l, struct store_trouble *t, enum status why)
{
    uint64_t now = loop_now_ms(l->config.loop);
    if (t->why == why && (why == OK || now - t->said_ms < TROUBLE_MS))
        return false;
    *t = (struct store_trouble){why, now};
    if (why == OFFLINE)
        log_error("log directory is not there any more, or is another one directory=%s",
                  l->config.directory);
    return true;
}

struct store_segment store_log_known(const struct store_log *l, size_t other_than)
{
    for (size_t n = l->segments.count; n-- > 0;)
        if (n != other_than)
            return (struct store_segment){.first = l->segments.at[n].first, .tag = l->segments.at[n].tag};
    return (struct store_segment){0};
}

static bool known_damage(struct store_log *l, uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < l->damage_count; i++) {
        struct store_range *r = &l->damage[i];
        if (first > r->last || last < r->first)
            continue;
        r->first = first < r->first ? first : r->first;
        r->last = last > r->last ? last : r->last;
        return true;
    }
    return false;
}

void store_log_note_damage(struct store_log *l, uint64_t first, uint64_t last, const char *what)
{
    bool range = last >= first;
    if (range && known_damage(l, first, last))
        return;
    if (range && l->damage_count < STORE_DAMAGE_REMEMBERED)
        l->damage[l->damage_count++] = (struct store_range){first, last};
    l->damaged++;
    log_error("log damaged directory=%s what=%s first=%" PRIu64 " last=%" PRIu64,
              l->config.directory, what, first, last);
}

static size_t held_by(const struct store_block *b)
{
    return b->cap + store_block_rest(b).len;
}

void store_log_drop_block(struct store_log *l, struct store_block *b)
{
    list_remove(&b->link);
    l->block_bytes -= held_by(b);
    if (store_in_memory(l))
        l->bytes -= b->len;
    if (b->refs == 1 && !b->rest && b->cap == STORE_BLOCK_BYTES && l->spare_count < STORE_SPARE_BLOCKS)
        l->spare[l->spare_count++] = b;
    else
        store_block_unref(&b);
}

/* ---- room ---- */

static bool has_room(struct store_log *l, size_t bytes)
{
    if (l->no_space || l->pending + bytes > STORE_GATHER_MAX)
        return false;
    return !l->config.retain_unread || store_log_may_grow(l, bytes);
}

bool store_log_is_full(struct store_log *l)
{
    bool may_grow = !l->config.retain_unread || store_log_may_grow(l, l->room_wanted);
    return l->room_wanted && (l->no_space || !may_grow);
}

/* The caller may close the log from on_room: nothing is touched behind it. */
static void give_room(struct store_log *l)
{
    if (l->room_wanted == 0 || !has_room(l, l->room_wanted))
        return;
    l->room_wanted = 0;
    if (l->config.on_room)
        l->config.on_room(l->config.arg);
}

static void on_turn(void *arg)
{
    struct store_log *l = arg;
    bool tells = store_in_memory(l) && l->pending; /* it wakes again when room is wanted */
    store_log_retain(l);
    store_log_commit(l);
    if (!tells)
        give_room(l);
}

void store_log_wake(struct store_log *l)
{
    if (l->turn.node.index == 0)
        loop_timer_start(l->config.loop, &l->turn, 0, on_turn, l);
}

static void on_probe(void *arg)
{
    struct store_log *l = arg;
    l->no_space = false;
    give_room(l);
}

void store_log_no_space(struct store_log *l)
{
    l->no_space = true;
    store_log_free_read(l);
    loop_timer_start(l->config.loop, &l->probe, PROBE_MS, on_probe, l);
}

/* ---- append ---- */

static struct store_block *add_block(struct store_log *l, struct store_block *b)
{
    b->first = l->next;
    b->last = l->next - 1;
    list_push(&l->blocks, &b->link);
    l->block_bytes += held_by(b);
    if (l->uncommitted == NULL)
        l->uncommitted = b;
    return b;
}

static struct store_block *begin_block(struct store_log *l, size_t bytes)
{
    struct store_block *b;
    size_t cap = l->segment_bytes < STORE_BLOCK_BYTES ? l->segment_bytes : STORE_BLOCK_BYTES;
    cap = bytes > cap ? bytes : cap;
    if (cap == STORE_BLOCK_BYTES && l->spare_count) {
        b = l->spare[--l->spare_count];
        *b = (struct store_block){.refs = 1, .cap = b->cap};
    } else {
        b = store_block_new(cap);
    }
    return add_block(l, b);
}

static void count(struct store_log *l, struct store_block *b, size_t bytes, uint64_t wall_ms)
{
    b->len += bytes;
    b->last = l->next++;
    b->wall_newest = wall_ms > b->wall_newest ? wall_ms : b->wall_newest;
    l->pending += bytes;
    if (store_in_memory(l))
        l->bytes += bytes;
    if (l->commit == NULL)
        store_log_wake(l);
}

static enum status ask_room(struct store_log *l, size_t len)
{
    if (len > STORE_RECORD_MAX)
        return TOO_LARGE;
    if (has_room(l, STORE_RECORD_HEADER + len))
        return OK;
    l->room_wanted = STORE_RECORD_HEADER + len;
    return FULL;
}

enum status store_log_append_parts(struct store_log *l, struct slice head, struct slice body,
                                   uint64_t wall_ms, uint64_t *sequence)
{
    size_t bytes = STORE_RECORD_HEADER + head.len + body.len;
    enum status s = ask_room(l, head.len + body.len);
    if (s != OK)
        return s;
    *sequence = l->next;
    struct store_block *b = store_log_tail(l);
    if (b == NULL || b->rest || b->cap - b->len < bytes)
        b = begin_block(l, bytes);
    store_record_put(b->bytes + b->len, l->next, wall_ms, head, body);
    count(l, b, bytes, wall_ms);
    return OK;
}

enum status store_log_append_shared(struct store_log *l, struct slice head, struct shared *body,
                                    uint64_t wall_ms, uint64_t *sequence)
{
    size_t rest = body->bytes.len, here = STORE_RECORD_HEADER + head.len;
    enum status s = ask_room(l, head.len + rest);
    if (s != OK)
        return s;
    *sequence = l->next;
    struct store_block *b = store_block_new(here);
    b->rest = shared_ref(body);
    store_record_begin(b->bytes, l->next, wall_ms, head, rest);
    count(l, add_block(l, b), here + rest, wall_ms);
    return OK;
}

enum status store_log_append(struct store_log *l, struct slice record, uint64_t wall_ms,
                             uint64_t *sequence)
{
    return store_log_append_parts(l, record, (struct slice){0}, wall_ms, sequence);
}

/* ---- what is in it ---- */

uint64_t store_log_first(const struct store_log *l)
{
    if (!store_in_memory(l))
        return l->segments.count ? l->segments.at[0].first : l->durable + 1;
    return list_empty(&l->blocks) ? l->next
                                  : LIST_OF(l->blocks.head.next, struct store_block, link)->first;
}

uint64_t store_log_next(const struct store_log *l)
{
    return l->next;
}

uint64_t store_log_durable(const struct store_log *l)
{
    return l->durable;
}

uint64_t store_log_bytes(const struct store_log *l)
{
    return l->bytes;
}

uint64_t store_log_damaged(const struct store_log *l)
{
    return l->damaged;
}

/* ---- open, close ---- */

/* So small that what retention keeps is many segments, and dropping one drops little. */
static uint64_t choose_segment_bytes(const struct store_log_config *c)
{
    uint64_t bytes = c->segment_bytes ? c->segment_bytes : STORE_SEGMENT_BYTES;
    if (c->retain_bytes && bytes > c->retain_bytes / 8)
        bytes = c->retain_bytes / 8;
    return bytes ? bytes : 1;
}

static void free_log(struct store_log *l)
{
    loop_timer_stop(&l->turn);
    loop_timer_stop(&l->late);
    loop_timer_stop(&l->mark);
    loop_timer_stop(&l->probe);
    loop_timer_stop(&l->sync);
    loop_timer_stop(&l->gather);
    while (!list_empty(&l->blocks)) {
        struct store_block *b = store_log_head(l);
        list_remove(&b->link);
        store_block_unref(&b);
    }
    while (l->spare_count)
        store_block_unref(&l->spare[--l->spare_count]);
    if (l->file)
        l->config.disk->ops->close(&l->file);
    if (l->lock)
        l->config.disk->ops->close(&l->lock);
    store_segments_clear(&l->segments);
    store_segments_clear(&l->doomed);
    store_segments_clear(&l->spares);
    store_remember_clear(&l->remember);
    free((char *)l->config.directory);
    free(l);
}

enum status store_log_open(const struct store_log_config *config, struct store_log **out)
{
    struct store_log *l = MEMORY_NEW(struct store_log);
    l->config = *config;
    l->config.directory = memory_text(config->directory ? config->directory : "");
    l->segment_bytes = choose_segment_bytes(config);
    l->next = 1;
    l->present = AGAIN;
    l->opened_ms = loop_now_ms(config->loop);
    list_init(&l->blocks);
    if (!store_in_memory(l)) {
        enum status s = store_log_recover(l);
        if (s != OK) {
            log_error("log not opened directory=%s status=%s", l->config.directory, status_name(s));
            free_log(l);
            return IO_FAILED;
        }
    }
    *out = l;
    return OK;
}

void store_log_close(struct store_log **log)
{
    struct store_log *l = *log;
    if (l == NULL)
        return;
    assert(l->readers == 0);
    store_log_presence_end(l);
    if (store_log_commit_all(l) != OK)
        log_warn("log closed without its last records directory=%s", l->config.directory);
    l->config.reuse = false;
    store_log_doom_spares(l);
    if (!store_in_memory(l) && store_log_upkeep_now(l) != OK)
        log_warn("log closed without its cursors directory=%s", l->config.directory);
    free_log(l);
    *log = NULL;
}

enum store_durability store_durability(const char *word)
{
    return strcmp(word, "memory") == 0 ? STORE_MEMORY : strcmp(word, "os") == 0 ? STORE_OS : STORE_FSYNC;
}
