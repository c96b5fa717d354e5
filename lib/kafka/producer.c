#include "kafka/producer.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"

#define POLL_MS 100
#define HEADERS_MAX 64
#define HASH_LEN 17 /* "-" and 16 digits */

struct report {
    struct link link;
    uint64_t token;
    size_t bytes;
    enum status why;
};

struct kafka_producer {
    struct kafka_producer_config config;
    rd_kafka_t *kafka;
    pthread_t thread; /* polls */
    _Atomic bool stop;
    unsigned count;
    size_t bytes;
    bool refused;

    pthread_mutex_t lock;
    struct list reports; /* under the lock */
    struct inbox *inbox;
};

/* Lives until its mail has come: the producer may be gone by then. */
struct inbox {
    struct kafka_producer *producer; /* on the loop; NULL: gone */
    _Atomic bool posted;
    _Atomic unsigned refs;
};

/* ---- on librdkafka's threads ---- */

static void unref(struct inbox *i)
{
    if (atomic_fetch_sub(&i->refs, 1) == 1)
        free(i);
}

static void take_reports(void *arg);

static enum status status_of(rd_kafka_resp_err_t e)
{
    switch (e) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return TOO_LARGE;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return FORBIDDEN;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return CANCELLED;
    default:
        return PEER_FAILED;
    }
}

static void on_delivered_thread(rd_kafka_t *kafka, const rd_kafka_message_t *m, void *arg)
{
    struct kafka_producer *p = arg;
    struct report *r = m->_private;
    (void)kafka;
    r->why = status_of(m->err);
    if (m->err && r->why != CANCELLED)
        log_error("kafka refused a message topic=%s reason=\"%s\"",
                  m->rkt ? rd_kafka_topic_name(m->rkt) : "", rd_kafka_err2str(m->err));
    pthread_mutex_lock(&p->lock);
    list_push(&p->reports, &r->link);
    pthread_mutex_unlock(&p->lock);
    if (atomic_load(&p->stop) || atomic_exchange(&p->inbox->posted, true))
        return;
    atomic_fetch_add(&p->inbox->refs, 1);
    loop_post(p->config.loop, take_reports, p->inbox);
}

static void on_log_thread(const rd_kafka_t *kafka, int level, const char *facility,
                          const char *text)
{
    (void)kafka;
    log_line(level <= 4 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "kafka %s \"%s\"", facility, text);
}

static void *poll_thread(void *arg)
{
    struct kafka_producer *p = arg;
    while (!atomic_load(&p->stop))
        rd_kafka_poll(p->kafka, POLL_MS);
    return NULL;
}

/* ---- on the loop ---- */

static void take_reports(void *arg)
{
    struct inbox *i = arg;
    struct kafka_producer *p = i->producer;
    struct link *l;
    atomic_store(&i->posted, false);
    while ((p = i->producer)) {
        pthread_mutex_lock(&p->lock);
        l = list_pop(&p->reports);
        pthread_mutex_unlock(&p->lock);
        if (l == NULL)
            break;
        struct report *r = LIST_OF(l, struct report, link);
        p->count--;
        p->bytes -= r->bytes;
        uint64_t token = r->token;
        enum status why = r->why;
        free(r);
        p->config.on_sent(p->config.arg, token, why);
    }
    if (p && p->refused && p->count <= KAFKA_WINDOW / 2) {
        p->refused = false;
        p->config.on_room(p->config.arg);
    }
    unref(i);
}

static rd_kafka_headers_t *headers_of(struct slice list)
{
    struct reader r = reader_of(list);
    rd_kafka_headers_t *h = rd_kafka_headers_new(HEADERS_MAX);
    while (r.rest.len && !r.failed) {
        struct slice name = reader_bytes(&r, reader_u16(&r));
        struct slice value = reader_bytes(&r, reader_u16(&r));
        if (!r.failed)
            rd_kafka_header_add(h, (const char *)name.at, (ssize_t)name.len, value.at,
                                (ssize_t)value.len);
    }
    return h;
}

static enum status produce(struct kafka_producer *p, const struct kafka_message *m,
                           struct report *r)
{
    rd_kafka_headers_t *headers = headers_of(m->headers);
    rd_kafka_resp_err_t e = rd_kafka_producev(
        p->kafka, RD_KAFKA_V_TOPIC(m->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(m->key.at, m->key.len), RD_KAFKA_V_VALUE((void *)m->body.at, m->body.len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(r), RD_KAFKA_V_END);
    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return FULL;
    return e == RD_KAFKA_RESP_ERR_NO_ERROR ? OK
           : status_of(e) == TOO_LARGE     ? TOO_LARGE
                                           : BAD_ARGUMENT;
}

enum status kafka_producer_send(struct kafka_producer *p, const struct kafka_message *m,
                                uint64_t token)
{
    bool full = p->count >= KAFKA_WINDOW || p->bytes + m->body.len > KAFKA_WINDOW_BYTES;
    if (full && p->count > 0) {
        p->refused = true;
        return FULL;
    }
    struct report *r = MEMORY_NEW(struct report);
    r->token = token;
    r->bytes = m->body.len;
    enum status s = produce(p, m, r);
    if (s == OK) {
        p->count++;
        p->bytes += r->bytes;
    } else {
        p->refused |= s == FULL;
        free(r);
    }
    return s;
}

void kafka_topic_put(struct slice name, struct buffer *out)
{
    bool cut = name.len > KAFKA_TOPIC_MAX;
    struct slice kept = slice_first(name, cut ? KAFKA_TOPIC_MAX - HASH_LEN : name.len);
    for (size_t i = 0; i < kept.len; i++) {
        uint8_t c = kept.at[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_';
        buffer_u8(out, good ? c : c == '/' ? '.' : '_');
    }
    if (cut)
        buffer_printf(out, "-%016" PRIx64, slice_hash(name));
}

/* ---- life ---- */

static bool set(rd_kafka_conf_t *c, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(c, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    log_error("kafka property cannot be used name=%s reason=\"%s\"", name, why);
    return false;
}

static bool set_all(rd_kafka_conf_t *c, const struct kafka_producer_config *config)
{
    static const char *const ours[][2] = {
        {"acks", "all"},
        {"enable.idempotence", "true"},
        {"message.timeout.ms", "0"}, /* for ever */
        {"linger.ms", "5"},
        {"log.connection.close", "false"},
        {"reconnect.backoff.max.ms", "30000"},
    };
    bool good = set(c, "client.id", config->client_id);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        good &= set(c, ours[i][0], ours[i][1]);
    if (config->ca_file)
        good &= set(c, "ssl.ca.location", config->ca_file);
    for (const char *const *p = config->properties; p && p[0]; p += 2)
        good &= set(c, p[0], p[1]);
    return good;
}

enum status kafka_producer_new(const struct kafka_producer_config *config,
                               struct kafka_producer **out)
{
    char why[256];
    struct kafka_producer *p = MEMORY_NEW(struct kafka_producer);
    rd_kafka_conf_t *c = rd_kafka_conf_new();
    p->config = *config;
    list_init(&p->reports);
    bool good = set_all(c, config);
    rd_kafka_conf_set_opaque(c, p);
    rd_kafka_conf_set_dr_msg_cb(c, on_delivered_thread);
    rd_kafka_conf_set_log_cb(c, on_log_thread);
    if (good)
        p->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, c, why, sizeof why);
    if (p->kafka == NULL) {
        if (good)
            log_error("kafka producer cannot be made reason=\"%s\"", why);
        rd_kafka_conf_destroy(c);
        free(p);
        return BAD_ARGUMENT;
    }
    p->config.properties = NULL;
    p->inbox = MEMORY_NEW(struct inbox);
    p->inbox->producer = p;
    p->inbox->refs = 1;
    pthread_mutex_init(&p->lock, NULL);
    pthread_create(&p->thread, NULL, poll_thread, p);
    *out = p;
    return OK;
}

void kafka_producer_free(struct kafka_producer **producer)
{
    struct kafka_producer *p = *producer;
    struct link *l;
    if (p == NULL)
        return;
    atomic_store(&p->stop, true);
    pthread_join(p->thread, NULL);
    rd_kafka_purge(p->kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(p->kafka, 1000); /* reports what was purged */
    rd_kafka_destroy(p->kafka);
    while ((l = list_pop(&p->reports)))
        free(LIST_OF(l, struct report, link));
    pthread_mutex_destroy(&p->lock);
    p->inbox->producer = NULL;
    unref(p->inbox);
    free(p);
    *producer = NULL;
}
