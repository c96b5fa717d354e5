#include "publisher/init_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "published/init_file.h"
#include "published/watch.h"

#define LOG_HEAD "# run of content " /* and its hash */
#define RETRY_MS 1000

enum state {
    IDLE,    /* → READING */
    READING, /* the log; → RUNNING, IDLE */
    RUNNING, /* requests; → WRITING */
    WRITING, /* the log; → IDLE, READING */
};

struct init_run {
    struct module *module;
    struct loop *loop;
    char *path, *log_path;
    struct watch *watch;
    enum state state;
    struct buffer text, next; /* what runs; what came meanwhile */
    bool again, stopped;
    struct init_reader reader;
    struct init_request request;
    unsigned tries;
    size_t count;
    bool failed; /* the last one */
    bool ended;  /* the rest is left out */
    struct loop_timer timer;
    struct buffer log;
    enum status written;
    bool known; /* the log names this content */
};

/* ---- the log ---- */

static void put_head(const struct init_run *r, struct buffer *out)
{
    buffer_printf(out, LOG_HEAD "%016llx\n",
                  (unsigned long long)slice_hash(buffer_slice(&r->text)));
}

static void log_request(struct init_run *r, const char *note)
{
    buffer_text(&r->log, r->count > 1 ? "\n###\n" : "");
    if (note)
        buffer_printf(&r->log, "%s\n", note);
    buffer_put(&r->log, slice_trim(r->request.text));
    buffer_text(&r->log, "\n");
}

static void log_answer(struct init_run *r, int status, struct slice json)
{
    buffer_printf(&r->log, "\n# HTTP/1.1 %d\n", status);
    if (!r->request.no_log && json.len) {
        buffer_text(&r->log, "# ");
        buffer_put(&r->log, json);
        buffer_text(&r->log, "\n");
    }
}

/* ---- one request after the other ---- */

static void run_next(struct init_run *r);
static void begin(struct init_run *r);

static void write_log(void *arg) /* on a helper thread */
{
    struct init_run *r = arg;
    r->written = file_write(r->log_path, buffer_slice(&r->log));
}

static void on_written(void *arg)
{
    struct init_run *r = arg;
    if (r->written != OK)
        log_warn("init log not written path=%s status=%s", r->log_path, status_name(r->written));
    r->state = IDLE;
    if (r->again && !r->stopped) {
        r->again = false;
        buffer_reset(&r->text);
        buffer_put(&r->text, buffer_slice(&r->next));
        begin(r);
    }
}

static void end(struct init_run *r)
{
    log_info("init file run path=%s requests=%zu failed=%s", r->path, r->count,
             r->failed ? "yes" : "no");
    r->state = WRITING;
    loop_work(r->loop, write_log, on_written, r);
}

static void send(void *arg);

static void on_answer(void *arg, int status, struct slice json)
{
    struct init_run *r = arg;
    if (r->stopped)
        return;
    r->failed = status >= 400;
    if (r->failed && r->tries++ < r->request.retries) {
        loop_timer_start(r->loop, &r->timer, RETRY_MS, send, r);
        return;
    }
    if (r->failed)
        log_warn("init request failed path=%s line=%u method=%.*s status=%d", r->path,
                 r->request.line, SLICE_FMT(r->request.method), status);
    log_answer(r, status, json);
    r->ended = r->failed && !r->request.continue_on_error;
    run_next(r);
}

static void send(void *arg)
{
    struct init_run *r = arg;
    module_invoke(r->module, "init-file", r->request.method, r->request.body, (uint32_t)r->request.timeout_ms,
                  on_answer, r);
}

static void run_next(struct init_run *r)
{
    while (!r->stopped) {
        if (r->count >= INIT_REQUESTS_MAX || !init_next(&r->reader, &r->request)) {
            end(r);
            return;
        }
        r->count++;
        if (r->request.on_error ? r->failed : !r->ended)
            break;
        log_request(r, r->request.on_error && !r->ended ? "// @skipped reason = success"
                                                        : "// @skipped reason = an error before");
        if (r->request.on_error)
            continue;
        r->failed = false; /* an @on-error further on is not for the one that failed */
    }
    if (r->stopped)
        return;
    log_request(r, NULL);
    r->tries = 0;
    loop_timer_start(r->loop, &r->timer, r->request.delay_ms, send, r);
}

/* ---- whether to run ---- */

static void read_log(void *arg) /* on a helper thread */
{
    struct init_run *r = arg;
    struct buffer old = {0}, head = {0};
    put_head(r, &head);
    r->known =
        file_read(r->log_path, &old) == OK && slice_starts(buffer_slice(&old), buffer_slice(&head));
    buffer_clear(&old);
    buffer_clear(&head);
}

static void on_log(void *arg)
{
    struct init_run *r = arg;
    r->state = IDLE;
    if (r->stopped)
        return;
    if (r->known) {
        log_info("init file not run again, its log names this content path=%s", r->path);
        return;
    }
    r->state = RUNNING;
    r->count = 0;
    r->failed = r->ended = false;
    r->reader = init_reader(buffer_slice(&r->text));
    buffer_reset(&r->log);
    put_head(r, &r->log);
    run_next(r);
}

static void begin(struct init_run *r)
{
    r->state = READING;
    loop_work(r->loop, read_log, on_log, r);
}

static void on_file(void *arg, enum status s, struct slice content)
{
    struct init_run *r = arg;
    if (s != OK)
        return; /* it may come later */
    struct buffer *to = r->state == IDLE ? &r->text : &r->next;
    buffer_reset(to);
    buffer_put(to, content);
    if (r->state == IDLE)
        begin(r);
    else
        r->again = true;
}

struct init_run *init_run_new(struct module *m, const char *path, const char *log)
{
    struct init_run *r = MEMORY_NEW(struct init_run);
    struct buffer beside = {0};
    buffer_printf(&beside, "%s.log", path);
    r->module = m;
    r->loop = module_loop(m);
    r->path = memory_text(path);
    r->log_path = memory_text(log ? log : buffer_cstr(&beside));
    buffer_clear(&beside);
    r->watch = watch_new(r->loop, path, on_file, r);
    return r;
}

void init_run_stop(struct init_run *r)
{
    r->stopped = true;
    watch_free(&r->watch);
    loop_timer_stop(&r->timer);
}

void init_run_free(struct init_run **run)
{
    struct init_run *r = *run;
    if (!r)
        return;
    init_run_stop(r);
    buffer_clear(&r->text);
    buffer_clear(&r->next);
    buffer_clear(&r->log);
    free(r->path);
    free(r->log_path);
    free(r);
    *run = NULL;
}
