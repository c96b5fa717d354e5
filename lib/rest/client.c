#include "rest/client.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/url.h"
#include "rest/client_watch.h"

#define CALL_MS 30000
#define WAITING_LOOK_MS 500          /* how late a call that waits for its turn may end */
#define HEADER_BYTES_MAX (64u << 10) /* of an answer */

/* A call goes from `calls` of the loop's side to the thread and back; the memory it carries belongs
 * to one side at a time, told by which list `hop` is in. */
struct call {
    struct link link; /* in client.calls; the loop's */
    struct link hop;  /* in client.out, .running or .back */
    struct rest_client *client;
    rest_client_fn *done;
    void *arg;
    CURL *easy;
    struct curl_slist *headers;
    struct buffer request, body, answer_headers;
    size_t body_max;
    uint64_t ends_ms; /* on the machine's clock: curl's thread has no loop to ask */
    bool too_large;
    CURLcode code;
    long status;
    char why[CURL_ERROR_SIZE];
};

struct rest_client {
    struct rest_client_config config;
    char *ca_file, *certificate_file, *key_file, *proxy;
    pthread_t thread;
    CURLM *multi;
    struct client_watch watch;
    struct list calls; /* all that are not answered, in the order they were made */
    size_t call_count;
    CURL *spare[16]; /* handles to use again; the loop's */
    size_t spare_count;
    /* Shared with the thread, under the lock: */
    pthread_mutex_t lock;
    struct list out;  /* to be started */
    struct list back; /* finished */
    bool stop;
    bool told; /* take_back() is in the loop's mailbox */
    /* The thread's: */
    struct list waiting, running;
    size_t running_count;
};

/* ---- on the thread ---- */

static size_t on_body_thread(char *at, size_t one, size_t len, void *arg)
{
    struct call *call = arg;
    (void)one;
    if (call->body.len + len > call->body_max) {
        call->too_large = true;
        return 0;
    }
    buffer_put(&call->body, slice_from(at, len));
    return len;
}

static size_t on_header_thread(char *at, size_t one, size_t len, void *arg)
{
    struct call *call = arg;
    (void)one;
    struct slice line = {(const uint8_t *)at, len};
    if (slice_starts(line, SLICE("HTTP/"))) /* an interim answer's came before */
        buffer_reset(&call->answer_headers);
    if (call->answer_headers.len + len > HEADER_BYTES_MAX) {
        call->too_large = true;
        return 0;
    }
    buffer_put(&call->answer_headers, line);
    return len;
}

static void take_back(void *arg);

/* Under the lock. */
static void tell_thread(struct rest_client *c)
{
    if (c->told || c->stop || list_empty(&c->back))
        return;
    c->told = true;
    loop_post(c->config.loop, take_back, c);
}

static void fetch_out_thread(struct rest_client *c)
{
    pthread_mutex_lock(&c->lock);
    for (struct link *l; (l = list_pop(&c->out));)
        list_push(&c->waiting, l);
    pthread_mutex_unlock(&c->lock);
}

static uint64_t machine_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

static void give_back_thread(struct call *call, CURLcode code)
{
    struct rest_client *c = call->client;
    call->code = code;
    list_remove(&call->hop);
    pthread_mutex_lock(&c->lock);
    list_push(&c->back, &call->hop);
    tell_thread(c);
    pthread_mutex_unlock(&c->lock);
}

/* The time in the queue counts, too. */
static void expire_waiting_thread(struct rest_client *c)
{
    if (list_empty(&c->waiting))
        return;
    uint64_t now = machine_ms();
    LIST_EACH(l, &c->waiting)
    {
        struct call *call = LIST_OF(l, struct call, hop);
        if (now >= call->ends_ms)
            give_back_thread(call, CURLE_OPERATION_TIMEDOUT);
    }
}

static void start_waiting_thread(struct rest_client *c)
{
    expire_waiting_thread(c);
    while (c->running_count < c->config.active && !list_empty(&c->waiting)) {
        struct call *call = LIST_OF(list_pop(&c->waiting), struct call, hop);
        uint64_t now = machine_ms();
        curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS,
                         now < call->ends_ms ? (long)(call->ends_ms - now) : 1L);
        list_push(&c->running, &call->hop);
        c->running_count++;
        CURLMcode code = curl_multi_add_handle(c->multi, call->easy);
        assert(code == CURLM_OK);
        (void)code;
    }
}

static void finish_thread(struct rest_client *c, CURL *easy, CURLcode code)
{
    struct call *call;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &call->status);
    curl_multi_remove_handle(c->multi, easy);
    c->running_count--;
    give_back_thread(call, code);
}

static void finish_done_thread(struct rest_client *c)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));)
        if (m->msg == CURLMSG_DONE)
            finish_thread(c, m->easy_handle, m->data.result);
}

static bool stopped(struct rest_client *c)
{
    pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static void *run_thread(void *arg)
{
    struct rest_client *c = arg;
    while (!stopped(c)) {
        fetch_out_thread(c);
        start_waiting_thread(c);
        client_watch_turn(&c->watch, list_empty(&c->waiting) ? 60000 : WAITING_LOOK_MS);
        finish_done_thread(c);
    }
    for (struct link *l; (l = list_pop(&c->running));)
        curl_multi_remove_handle(c->multi, LIST_OF(l, struct call, hop)->easy);
    return NULL;
}

/* ---- on the loop ---- */

static enum status outcome(const struct call *call)
{
    if (call->too_large)
        return TOO_LARGE;
    switch (call->code) {
    case CURLE_OK:
        return OK;
    case CURLE_OPERATION_TIMEDOUT:
        return TIMED_OUT;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
        return OFFLINE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return UNAUTHORIZED;
    default:
        return IO_FAILED;
    }
}

static void give_easy(struct rest_client *c, CURL *easy)
{
    if (c->spare_count < sizeof(c->spare) / sizeof(c->spare[0])) {
        curl_easy_reset(easy);
        c->spare[c->spare_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

static void drop(struct call *call)
{
    struct rest_client *c = call->client;
    list_remove(&call->link);
    c->call_count--;
    give_easy(c, call->easy);
    curl_slist_free_all(call->headers);
    buffer_clear(&call->request);
    buffer_clear(&call->body);
    buffer_clear(&call->answer_headers);
    free(call);
}

static void answer(struct call *call, enum status why)
{
    struct rest_answer a = {.status = (int)call->status,
                            .body = buffer_slice(&call->body),
                            .headers = buffer_slice(&call->answer_headers)};
    if (why != OK)
        log_debug("rest call failed why=%s curl=%d: %s", status_name(why), call->code, call->why);
    call->done(call->arg, why, why == OK ? &a : NULL);
    drop(call);
}

static void take_back(void *arg)
{
    struct rest_client *c = arg;
    if (c->stop) { /* only this thread sets it: rest_client_free() left this to the mail on its way
                    */
        free(c);
        return;
    }
    struct list back;
    list_init(&back);
    pthread_mutex_lock(&c->lock);
    c->told = false;
    for (struct link *l; (l = list_pop(&c->back));)
        list_push(&back, l);
    pthread_mutex_unlock(&c->lock);
    for (struct link *l; (l = list_pop(&back));) {
        struct call *call = LIST_OF(l, struct call, hop);
        answer(call, outcome(call));
    }
}

/* ---- making a call ---- */

static bool has_header(const struct rest_call *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++)
        if (slice_eq_nocase(call->headers[i].name, slice_of(name)))
            return true;
    return false;
}

static void add_header(struct call *call, struct buffer *line)
{
    call->headers = curl_slist_append(call->headers, buffer_cstr(line));
    buffer_reset(line);
}

static bool one_line(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < ' ' && s.at[i] != '\t')
            return false;
    return true;
}

static void set_headers(struct call *call, const struct rest_call *wanted)
{
    struct buffer line = {0};
    for (size_t i = 0; i < wanted->header_count; i++) {
        const struct rest_field *h = &wanted->headers[i];
        if (!one_line(h->name) || !one_line(h->value))
            continue; /* nothing that was not meant may begin a field */
        buffer_printf(&line, "%.*s%s%.*s", SLICE_FMT(h->name), h->value.len ? ": " : ";",
                      SLICE_FMT(h->value));
        add_header(call, &line);
    }
    buffer_text(&line, "Expect:"); /* curl would wait a second for it */
    add_header(call, &line);
    if (!has_header(wanted, "content-type")) {
        buffer_text(&line, "Content-Type:"); /* curl's is that of a form */
        add_header(call, &line);
    }
    buffer_clear(&line);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void set_method(struct call *call, const struct rest_call *wanted)
{
    struct slice m = slice_of(wanted->method);
    if (wanted->body.len > 0 || slice_starts(m, SLICE("P"))) {
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wanted->body.len);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, buffer_cstr(&call->request));
    }
    if (slice_eq(m, SLICE("HEAD")))
        curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, wanted->method);
}

static void set_transport(struct call *call, const struct rest_call *wanted)
{
    const struct rest_client *c = call->client;
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* no call and no end waits for a name's address */
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)c->config.connect_ms);
    curl_easy_setopt(e, CURLOPT_PROXY, c->proxy ? c->proxy : "");
    if (c->ca_file)
        curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
    if (c->certificate_file)
        curl_easy_setopt(e, CURLOPT_SSLCERT, c->certificate_file);
    if (c->key_file)
        curl_easy_setopt(e, CURLOPT_SSLKEY, c->key_file);
    if (wanted->unix_socket)
        curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, wanted->unix_socket);
}

static void set_callbacks(struct call *call)
{
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->why);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body_thread);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_thread);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
}

static struct call *call_new(struct rest_client *c, const struct rest_call *wanted)
{
    struct call *call = MEMORY_NEW(struct call);
    call->client = c;
    call->body_max = c->config.body_bytes;
    call->ends_ms = machine_ms() + (wanted->timeout_ms ? wanted->timeout_ms : CALL_MS);
    call->easy = c->spare_count > 0 ? c->spare[--c->spare_count] : curl_easy_init();
    assert(call->easy);
    buffer_put(&call->request, wanted->body);
    curl_easy_setopt(call->easy, CURLOPT_URL, wanted->url);
    set_transport(call, wanted);
    set_callbacks(call);
    set_method(call, wanted);
    set_headers(call, wanted);
    return call;
}

enum status rest_client_send(struct rest_client *c, const struct rest_call *wanted,
                             rest_client_fn *done, void *arg)
{
    struct http_url url;
    if (c->stop)
        return CANCELLED;
    if (http_url_parse(slice_of(wanted->url), &url) != OK || url.host.len == 0)
        return BAD_ARGUMENT;
    if (c->call_count >= c->config.active + c->config.waiting)
        return BUSY;
    struct call *call = call_new(c, wanted);
    call->done = done;
    call->arg = arg;
    list_push(&c->calls, &call->link);
    c->call_count++;
    pthread_mutex_lock(&c->lock);
    list_push(&c->out, &call->hop);
    pthread_mutex_unlock(&c->lock);
    client_watch_wake(&c->watch);
    return OK;
}

struct slice rest_answer_header(const struct rest_answer *a, const char *name)
{
    struct slice left = a->headers, line;
    while (left.len > 0 && slice_split(&left, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        if (colon < line.len && slice_eq_nocase(slice_first(line, colon), slice_of(name)))
            return slice_trim(slice_skip(line, colon + 1));
    }
    return (struct slice){0};
}

/* ---- beginning and end ---- */

static void start_curl(void)
{
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    assert(code == CURLE_OK);
    (void)code;
}

static void use_defaults(struct rest_client_config *c)
{
    c->active = c->active ? c->active : 64;
    c->waiting = c->waiting ? c->waiting : 4096;
    c->body_bytes = c->body_bytes ? c->body_bytes : 4u << 20;
    c->connect_ms = c->connect_ms ? c->connect_ms : 10000;
}

struct rest_client *rest_client_new(const struct rest_client_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);
    struct rest_client *c = MEMORY_NEW(struct rest_client);
    c->config = *config;
    use_defaults(&c->config);
    c->ca_file = config->ca_file ? memory_text(config->ca_file) : NULL;
    c->certificate_file = config->certificate_file ? memory_text(config->certificate_file) : NULL;
    c->key_file = config->key_file ? memory_text(config->key_file) : NULL;
    c->proxy = config->proxy ? memory_text(config->proxy) : NULL;
    c->multi = curl_multi_init();
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->config.active);
    client_watch_open(&c->watch, c->multi);
    struct list *lists[] = {&c->calls, &c->out, &c->back, &c->waiting, &c->running};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    pthread_mutex_init(&c->lock, NULL);
    int failed = pthread_create(&c->thread, NULL, run_thread, c);
    assert(!failed);
    (void)failed;
    return c;
}

static void stop_thread(struct rest_client *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_mutex_unlock(&c->lock);
    client_watch_wake(&c->watch);
    pthread_join(c->thread, NULL);
}

static void cancel_calls(struct rest_client *c)
{
    for (struct link *l; (l = list_first(&c->calls));) {
        struct call *call = LIST_OF(l, struct call, link);
        list_remove(&call->hop);
        answer(call, CANCELLED);
    }
}

void rest_client_free(struct rest_client **client)
{
    struct rest_client *c = *client;
    if (c == NULL)
        return;
    stop_thread(c);
    cancel_calls(c);
    while (c->spare_count > 0)
        curl_easy_cleanup(c->spare[--c->spare_count]);
    curl_multi_cleanup(c->multi);
    client_watch_close(&c->watch);
    pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c->certificate_file);
    free(c->key_file);
    free(c->proxy);
    if (!c->told)
        free(c);
    *client = NULL;
}
