#include "published/config_store.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "published/credentials.h"
#include "published/text_file.h"

/* Of its own, because the store may be freed while a helper thread has it. */
struct call {
    struct config_store *store; /* NULL: freed */
    char *path;
    struct buffer method, payload, before;
    uint64_t now_ms;
    config_store_fn *fn;
    void *arg;
    struct config_answer answer;
    struct link link;
    struct credentials *credentials; /* the store's; NULL: there is no workload API */
    bool seals;
    bool owns;        /* them: the store went while a helper thread had the call */
    bool again;       /* when what it needs is fetched */
    unsigned fetches; /* so far */
    bool filled;      /* the file was, when somebody last looked */
    bool vanished;    /* and nothing is there now */
    unsigned pauses;  /* so far, for it to come back */
};

struct config_store {
    struct loop *loop;
    char *path;
    struct watch *watch;
    watch_fn *fn;
    void *arg;
    struct list waiting;
    size_t waiting_count;
    struct call *running;
    struct audit *audit;
    bool stopped;
    struct credentials *credentials;
    bool seals;
    bool fetching; /* for `running`, which no helper thread has then */
    bool pausing;  /* the same, until `pause` */
    struct loop_timer pause;
    bool filled; /* the file, when the watch ended */
};

static void call_free(struct call *c)
{
    buffer_wipe(&c->before); /* passwords may stand in it */
    buffer_wipe(&c->payload);
    buffer_clear(&c->method);
    config_answer_clear(&c->answer);
    if (c->owns)
        credentials_free(&c->credentials);
    free(c->path);
    free(c);
}

/* ---- on a helper thread ---- */

static void refuse(struct call *c, enum status s, const char *why)
{
    config_answer_clear(&c->answer);
    c->answer = (struct config_answer){.status = s};
    buffer_text(&c->answer.body, why);
}

static struct stat look(const char *path)
{
    struct stat now = {0};
    if (stat(path, &now) != 0)
        now = (struct stat){0};
    return now;
}

static void open_config(void *arg, struct config *config)
{
    credentials_open(arg, config);
}

static void edit(struct call *c, struct slice text)
{
    struct config_opener opener = {open_config, c->credentials};
    config_edit(text, buffer_slice(&c->method), buffer_slice(&c->payload), c->now_ms,
                c->credentials ? &opener : NULL, &c->answer);
    c->again = c->credentials && credentials_wants(c->credentials);
}

/* The new text, with its users and passwords encrypted. */
static void seal(struct call *c)
{
    struct buffer sealed = {0}, why = {0};
    enum status s = credentials_seal(c->credentials, buffer_slice(&c->answer.text), &sealed, &why);
    c->again = s == AGAIN;
    if (s == OK) {
        buffer_wipe(&c->answer.text);
        c->answer.text = sealed;
        return;
    }
    buffer_wipe(&sealed);
    if (s == BAD_ARGUMENT)
        refuse(c, IO_FAILED, buffer_cstr(&why));
    else if (s != AGAIN)
        refuse(c, IO_FAILED,
               "users and passwords have to be encrypted (credentials.encrypted, --fe), and the "
               "workload API of the IoT Edge does not do it; nothing was changed");
    buffer_clear(&why);
}

static void write_text(struct call *c)
{
    static const char *const whys[] = {
        [FILE_AS_BEFORE] = "the configuration file cannot be written, the log says why; nothing was changed",
        [FILE_NEW] = "the configuration file was changed, and the disk did not confirm that it keeps it: the log "
                     "says why; what is in the file is carried out",
        [FILE_TORN] = "the configuration file could be written only in part and what stood in it could not be "
                      "put back: it is damaged; the log says why and where the old text is kept",
    };
    enum file_after after;
    if (file_rewrite(c->path, buffer_slice(&c->answer.text), &after) != OK)
        refuse(c, IO_FAILED, whys[after]);
}

/* False: somebody wrote the file meanwhile. */
static bool try_once(struct call *c)
{
    struct stat before = look(c->path);
    struct buffer text = {0};
    enum status s = text_file_read(c->path, &text);
    config_answer_clear(&c->answer);
    c->vanished = c->filled && watch_finds_nothing(s, buffer_slice(&text));
    if (c->vanished)
        refuse(c, CONFLICT,
               "the configuration file is empty or not there, and was not so before: somebody is writing it; see to it "
               "that it is whole and try again, or a few seconds later when it is meant so; nothing was changed");
    else if (s == OK || s == NOT_FOUND)
        edit(c, buffer_slice(&text));
    else
        refuse(c, s == TOO_LARGE ? TOO_LARGE : IO_FAILED, "the configuration file cannot be read, the log says why; nothing was changed");
    buffer_wipe(&c->before);
    c->before = text;
    if (c->answer.changed && c->seals && !c->again)
        seal(c);
    if (!c->answer.changed || c->again)
        return true;
    struct stat after = look(c->path);
    if (!watch_is_same(&before, &after))
        return false;
    write_text(c);
    return true;
}

static void run(void *arg)
{
    struct call *c = arg;
    c->again = false;
    for (unsigned tries = 0; tries < CONFIG_STORE_TRIES; tries++)
        if (try_once(c))
            return;
    refuse(c, CONFLICT, "the configuration file is being written by somebody else; try again");
}

/* ---- on the loop ---- */

static void begin(struct config_store *s);

static void record(struct config_store *s, const struct call *c)
{
    if (s->audit)
        audit_put(s->audit, &(struct audit_entry){.event = "changed",
                                                  .target = slice_of(s->path),
                                                  .operation = buffer_slice(&c->method),
                                                  .body = buffer_slice(&c->answer.text),
                                                  .old = buffer_slice(&c->before)});
}

static void on_found(void *arg, enum status why, struct slice text)
{
    struct config_store *s = arg;
    if (s->audit && why == OK)
        audit_put(s->audit, &(struct audit_entry){
                                .event = "found", .target = slice_of(s->path), .body = text});
    s->fn(s->arg, why, text);
}

static void on_run(void *arg);

static bool is_filled(const struct config_store *s)
{
    return s->watch ? watch_filled(s->watch) : s->filled;
}

/* The loop went with it; the store had been freed before. */
static void on_dropped(void *arg)
{
    call_free(arg);
}

static void start(struct config_store *s, struct call *c)
{
    c->filled = is_filled(s);
    loop_work_or_drop(s->loop, run, on_run, on_dropped, c);
}

static void on_fetched(void *arg)
{
    struct call *c = arg;
    if (c->store) {
        c->store->fetching = false;
        start(c->store, c);
    } else {
        call_free(c);
    }
}

/* False: it was asked often enough. */
static bool fetch(struct config_store *s, struct call *c)
{
    if (c->fetches++ == CONFIG_STORE_FETCHES) {
        refuse(c, CONFLICT, "the configuration file is being written by somebody else; try again");
        return false;
    }
    s->fetching = true;
    credentials_fetch(s->credentials, on_fetched, c);
    return true;
}

static void on_pause_over(void *arg)
{
    struct config_store *s = arg;
    s->pausing = false;
    start(s, s->running);
}

/* False: nothing came back for long enough. */
static bool pause_for_text(struct config_store *s, struct call *c)
{
    if (c->pauses++ == CONFIG_STORE_PAUSES)
        return false;
    s->pausing = true;
    loop_timer_start(s->loop, &s->pause, CONFIG_STORE_PAUSE_MS, on_pause_over, s);
    return true;
}

static void on_run(void *arg)
{
    struct call *c = arg;
    struct config_store *s = c->store;
    if (s && c->again && fetch(s, c))
        return;
    if (s && c->vanished && pause_for_text(s, c))
        return;
    if (s) {
        s->running = NULL;
        begin(s);
        if (c->answer.changed) {
            if (s->watch)
                watch_know(s->watch, buffer_slice(&c->answer.text));
            log_info("publisher file written path=%s by=%s", s->path, buffer_cstr(&c->method));
            record(s, c);
            if (!s->stopped)
                s->fn(s->arg, OK, buffer_slice(&c->answer.text));
        }
        c->fn(c->arg, &c->answer); /* last: it may free the store */
    }
    call_free(c);
}

static void begin(struct config_store *s)
{
    struct link *next = s->running ? NULL : list_first(&s->waiting);
    if (!next)
        return;
    struct call *c = LIST_OF(next, struct call, link);
    list_remove(next);
    s->waiting_count--;
    s->running = c;
    c->now_ms = loop_wall_ms(s->loop);
    c->credentials = s->credentials;
    c->seals = s->seals;
    if (s->credentials)
        credentials_forget(s->credentials);
    start(s, c);
}

static void on_busy(void *arg)
{
    struct call *c = arg;
    c->fn(c->arg, &c->answer);
    call_free(c);
}

void config_store_call(struct config_store *s, struct slice method, struct slice payload,
                       config_store_fn *fn, void *arg)
{
    struct call *c = MEMORY_NEW(struct call);
    c->fn = fn;
    c->arg = arg;
    if (s->waiting_count >= CONFIG_STORE_WAITING_MAX) {
        refuse(c, BUSY, "too many calls wait for the configuration file");
        loop_defer(s->loop, on_busy, c);
        return;
    }
    c->store = s;
    c->path = memory_text(s->path);
    buffer_put(&c->method, method);
    buffer_put(&c->payload, payload);
    list_push(&s->waiting, &c->link);
    s->waiting_count++;
    begin(s);
}

/* An empty list is what a program without a file would have. */
static void make_file(const char *path)
{
    struct stat now;
    if (stat(path, &now) == 0)
        return;
    if (file_write(path, SLICE("[]\n")) == OK)
        log_info("publisher file created path=%s", path);
}

struct config_store *config_store_new(struct loop *l, const char *path, bool create, watch_fn *fn,
                                      void *arg)
{
    struct config_store *s = MEMORY_NEW(struct config_store);
    s->loop = l;
    s->path = memory_text(path);
    s->fn = fn;
    s->arg = arg;
    list_init(&s->waiting);
    if (create)
        make_file(path);
    s->watch = watch_new(l, path, on_found, s);
    return s;
}

void config_store_audit(struct config_store *s, struct audit *audit)
{
    s->audit = audit;
}

void config_store_credentials(struct config_store *s, struct credentials *c, bool seals)
{
    s->credentials = c;
    s->seals = seals;
}

void config_store_look_again(struct config_store *s)
{
    if (s->watch)
        watch_tell_again(s->watch);
}

void config_store_stop(struct config_store *s)
{
    s->stopped = true;
    s->filled = is_filled(s);
    watch_free(&s->watch);
}

bool config_store_idle(const struct config_store *s)
{
    return s->running == NULL && s->waiting_count == 0;
}

/* Not with the answer of its own: a helper thread may be at work on it. */
static void cancel(struct call *c)
{
    struct config_answer answer = {.status = CANCELLED};
    buffer_text(&answer.body, "the program ends");
    c->fn(c->arg, &answer);
    config_answer_clear(&answer);
}

/* Who waits for them goes with them. */
static void free_credentials(struct config_store *s, struct call *running)
{
    if (!s->credentials)
        return;
    if (!running || s->fetching) {
        credentials_free(&s->credentials);
        return;
    }
    credentials_end(s->credentials);
    running->owns = true;
}

void config_store_free(struct config_store **store)
{
    struct config_store *s = *store;
    if (!s)
        return;
    *store = NULL;
    if (s->pausing) { /* nobody else has it: it goes as one that waits */
        loop_timer_stop(&s->pause);
        list_push(&s->waiting, &s->running->link);
        s->running = NULL;
    }
    struct call *running = s->running;
    if (s->running) {
        s->running->store = NULL;
        cancel(s->running);
    }
    for (struct link *l; (l = list_pop(&s->waiting));) {
        struct call *c = LIST_OF(l, struct call, link);
        cancel(c);
        call_free(c);
    }
    free_credentials(s, running);
    watch_free(&s->watch);
    free(s->path);
    free(s);
}
