#include "audit/audit.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "audit/files.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"

/* An entry on its way to the thread, with its texts behind it; then its outcome on its way back. */
struct post {
    struct link link;
    struct audit_entry entry;
    struct loop *loop; /* NULL: nobody waits */
    audit_fn *fn;
    void *arg;
    enum status why;
    size_t bytes;
    uint8_t texts[];
};

struct audit {
    pthread_t thread;
    pthread_mutex_t lock; /* over what follows, up to `files` */
    pthread_cond_t wake;
    struct list waiting;
    size_t waiting_bytes;
    uint64_t lost; /* lines, since it was told */
    uint64_t lines;
    bool failed; /* nobody knows what is on the disk: the chain ends until the next start */
    bool urgent; /* somebody waits, or much does */
    bool closing;

    /* The thread's. */
    struct audit_files files;
    struct buffer out;
};

/* ---- from here to there ---- */

#define TEXTS 9
#define BODIES 6 /* the texts from here on */

static void texts_of(struct audit_entry *e, struct slice *out[TEXTS])
{
    struct slice *all[TEXTS] = {&e->call,      &e->who,  &e->peer, &e->method,  &e->target,
                                &e->operation, &e->body, &e->old,  &e->response};
    memcpy(out, all, sizeof all);
}

/* What is too long for a line waits as a digest, where nobody keeps it until the line is made. */
static struct slice shorten(struct slice body, struct buffer *digest)
{
    if (body.len <= AUDIT_BODY_MAX)
        return body;
    audit_line_digest(body, digest);
    return buffer_slice(digest);
}

/* A long one is read where it is, by the thread. */
static bool stays(size_t n, const struct slice *text)
{
    return n >= BODIES && text->len > AUDIT_BODY_MAX;
}

static struct post *copy(const struct audit_entry *e)
{
    struct audit_entry from = *e;
    struct slice *texts[TEXTS];
    size_t bytes = 0;
    texts_of(&from, texts);
    for (size_t n = 0; n < TEXTS; n++)
        bytes += stays(n, texts[n]) ? 0 : texts[n]->len;
    struct post *p = memory_new(sizeof *p + bytes);
    *p = (struct post){.entry = from, .bytes = sizeof *p + bytes};
    texts_of(&p->entry, texts);
    uint8_t *at = p->texts;
    for (size_t n = 0; n < TEXTS; n++)
        if (texts[n]->len && !stays(n, texts[n])) {
            memcpy(at, texts[n]->at, texts[n]->len);
            texts[n]->at = at;
            at += texts[n]->len;
        }
    return p;
}

static struct post *post_short(const struct audit_entry *e)
{
    struct audit_entry short_one = *e;
    struct buffer body = {0}, old = {0}, response = {0};
    short_one.body = shorten(e->body, &body);
    short_one.old = shorten(e->old, &old);
    short_one.response = shorten(e->response, &response);
    struct post *p = copy(&short_one);
    buffer_clear(&body);
    buffer_clear(&old);
    buffer_clear(&response);
    return p;
}

static void post_free(struct post *p)
{
    explicit_bzero(p->texts, p->bytes - sizeof *p); /* secrets may stand in bodies */
    free(p);
}

static void tell(void *arg)
{
    struct post *p = arg;
    p->fn(p->arg, p->why);
    post_free(p);
}

static void give_back(struct post *p, enum status why)
{
    p->why = why;
    if (p->loop)
        loop_post(p->loop, tell, p);
    else
        post_free(p);
}

/* ---- the thread ---- */

static void put_lines(struct audit *a, struct list *posts, uint64_t lost)
{
    buffer_reset(&a->out);
    LIST_EACH(l, posts)
    {
        const struct post *p = LIST_OF(l, struct post, link);
        audit_line_put(&p->entry, clock_wall_ms(), &a->files.place, &a->out);
    }
    if (lost)
        audit_line_put(&(struct audit_entry){.event = "lost", .count = lost}, clock_wall_ms(),
                       &a->files.place, &a->out);
}

/* With the lock. One write serves all that came in a while, when nobody waits for it. */
static void gather(struct audit *a)
{
    struct timespec until;
    while (list_empty(&a->waiting) && !a->closing)
        pthread_cond_wait(&a->wake, &a->lock);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += AUDIT_GATHER_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!a->urgent && !a->closing)
        if (pthread_cond_timedwait(&a->wake, &a->lock, &until) != 0)
            break;
}

/* Takes all that waits; false when nothing does and it is to end. */
static bool take(struct audit *a, struct list *posts, uint64_t *lost)
{
    pthread_mutex_lock(&a->lock);
    gather(a);
    for (struct link *l; (l = list_pop(&a->waiting));)
        list_push(posts, l);
    *lost = a->lost;
    a->lost = 0;
    a->waiting_bytes = 0;
    a->urgent = false;
    pthread_mutex_unlock(&a->lock);
    return !list_empty(posts);
}

static void note(struct audit *a, enum status why)
{
    pthread_mutex_lock(&a->lock);
    a->failed = why != OK;
    a->lines = a->files.place.number;
    pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
    struct audit *a = arg;
    struct list posts;
    uint64_t lost;
    enum status s = OK;
    list_init(&posts);
    while (take(a, &posts, &lost)) {
        if (s == OK) {
            put_lines(a, &posts, lost);
            s = audit_files_add(&a->files, buffer_slice(&a->out));
            note(a, s);
        }
        for (struct link *l; (l = list_pop(&posts));)
            give_back(LIST_OF(l, struct post, link), s);
    }
    return NULL;
}

/* ---- adding ---- */

/* OK; what cannot be written is counted. */
static enum status push(struct audit *a, struct post *p)
{
    pthread_mutex_lock(&a->lock);
    enum status s = a->failed                                         ? IO_FAILED
                    : a->waiting_bytes + p->bytes > AUDIT_WAITING_MAX ? FULL
                                                                      : OK;
    if (s == OK) {
        bool first = list_empty(&a->waiting);
        bool urgent = p->loop || a->waiting_bytes > AUDIT_WAITING_MAX / 4;
        list_push(&a->waiting, &p->link);
        a->waiting_bytes += p->bytes;
        if (first || urgent > a->urgent)
            pthread_cond_signal(&a->wake);
        a->urgent |= urgent;
    } else {
        a->lost++;
    }
    pthread_mutex_unlock(&a->lock);
    return s;
}

void audit_put(struct audit *a, const struct audit_entry *e)
{
    struct post *p = post_short(e);
    if (push(a, p) != OK)
        post_free(p);
}

void audit_put_first(struct audit *a, const struct audit_entry *e, struct loop *loop, audit_fn *fn,
                     void *arg)
{
    struct post *p = copy(e);
    p->loop = loop;
    p->fn = fn;
    p->arg = arg;
    enum status s = push(a, p);
    if (s != OK)
        give_back(p, s);
}

bool audit_ready(void *arg, struct buffer *detail)
{
    struct audit *a = arg;
    pthread_mutex_lock(&a->lock);
    bool failed = a->failed;
    uint64_t lines = a->lines;
    pthread_mutex_unlock(&a->lock);
    buffer_printf(detail, failed ? "the audit log cannot be written: see the log" : "%llu lines",
                  (unsigned long long)lines);
    return !failed;
}

/* ---- beginning and end ---- */

enum status audit_open(const char *folder, struct audit **out)
{
    struct audit *a = MEMORY_NEW(struct audit);
    uint64_t cut;
    enum status s = audit_files_open(&a->files, folder, &cut);
    if (s != OK) {
        free(a);
        return s;
    }
    a->lines = a->files.place.number;
    list_init(&a->waiting);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&a->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (cut)
        audit_put(a, &(struct audit_entry){.event = "cut", .count = cut});
    if (pthread_create(&a->thread, NULL, run, a) != 0)
        abort();
    *out = a;
    return OK;
}

void audit_close(struct audit **audit)
{
    struct audit *a = *audit;
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    pthread_cond_signal(&a->wake);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->wake);
    pthread_mutex_destroy(&a->lock);
    audit_files_close(&a->files);
    buffer_clear(&a->out);
    free(a);
    *audit = NULL;
}
