/*
 * Notification messages in order, each once. Sequence numbers begin at 1 and never are 0 again
 * (Part 4, 5.13.1.1); a keep-alive carries the number that the next message will have.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/refusal.h"
#include "opcua/subscription_priv.h"

#define REPUBLISH_MS 10000
#define UNANSWERED_MAX 2 /* Republish calls in a row, until the rest of a gap is given up */
#define ASKED_MAX 4096 /* messages of one gap, of a server that does not say which it keeps */
#define ANEW_COUNT 3   /* messages from behind in a row */
#define ANEW_MAX 16    /* that are kept, while it cannot be decided */
#define REPEATED_MAX 100 /* repetitions in a row: then they are none */

static uint32_t next_of(uint32_t sequence)
{
    return sequence == UINT32_MAX ? 1 : sequence + 1;
}

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* How many numbers there are from `from` on until `end` comes. */
static uint32_t distance(uint32_t from, uint32_t end)
{
    return end - from - (end < from);
}

/* ---- telling ---- */

/* Of what was lost, nobody knows how much. */
static void report_gap_of_unknown(struct opcua_subscription *s)
{
    s->counts.gaps++;
    if (s->config.events->on_gap)
        s->config.events->on_gap(s->config.arg, s->expected, 0);
}

#define MISUNDERSTOOD_MS 60000

/* Said once a minute, and a gap as often: a value that is never understood would be one with each notification, and
 * what closes gaps would never end. All are counted. */
static void not_told(struct opcua_subscription *s, uint32_t sequence, const char *what)
{
    uint64_t now_ms = loop_now_ms(s->loop);
    bool again = s->misunderstood_ms && now_ms - s->misunderstood_ms < MISUNDERSTOOD_MS;
    log_line(again ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
             "opcua notification not understood url=%s subscription=%u what=%s", s->session->url,
             s->id, what);
    s->counts.gaps++;
    if (again)
        return;
    s->misunderstood_ms = now_ms ? now_ms : 1;
    if (s->config.events->on_gap)
        s->config.events->on_gap(s->config.arg, sequence, 1);
}

/* Values of one part are decoded into room of the thread, which a callback that tells others of
 * theirs must not find. */
static bool tell_changes(struct opcua_subscription *s, uint32_t sequence,
                         const struct notification_part *part)
{
    struct notification_changes *of_thread = &s->session->thread->changes, c = *of_thread;
    *of_thread = (struct notification_changes){0};
    bool told = true;
    struct slice body = slice_from(part->body.data, part->body.length);
    if (notification_changes_decode(body, &c) != UA_STATUSCODE_GOOD)
        not_told(s, sequence, "values");
    else if (c.count)
        told = s->config.events->on_data(s->config.arg, c.items, c.count);
    notification_changes_clear(&c);
    notification_changes_free(of_thread);
    *of_thread = c;
    return told;
}

static bool tell_events(struct opcua_subscription *s, uint32_t sequence,
                        const struct notification_part *part)
{
    UA_EventNotificationList n;
    if (UA_decodeBinary(&part->body, &n, &UA_TYPES[UA_TYPES_EVENTNOTIFICATIONLIST], NULL)) {
        not_told(s, sequence, "events");
        return true;
    }
    bool told =
        !n.eventsSize || s->config.events->on_events(s->config.arg, n.events, n.eventsSize);
    UA_EventNotificationList_clear(&n);
    return told;
}

static void tell_status(struct opcua_subscription *s, uint32_t sequence,
                        const struct notification_part *part)
{
    UA_StatusChangeNotification n;
    if (UA_decodeBinary(&part->body, &n, &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION], NULL)) {
        not_told(s, sequence, "status");
        return;
    }
    subscription_restart(s, n.status);
    UA_StatusChangeNotification_clear(&n);
}

/* A kind of notification that nobody knows counts as told. */
static bool tell_part(struct opcua_subscription *s, uint32_t sequence,
                      const struct notification_part *part)
{
    if (notification_is(part, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION]))
        return tell_changes(s, sequence, part);
    if (notification_is(part, &UA_TYPES[UA_TYPES_EVENTNOTIFICATIONLIST]))
        return !s->config.events->on_events || tell_events(s, sequence, part);
    if (notification_is(part, &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION]))
        tell_status(s, sequence, part);
    return true;
}

/* False: the callback had no room; *told says how far it came. */
static bool tell(struct opcua_subscription *s, const struct notification *m, size_t *told)
{
    s->telling = true;
    s->published = m->published;
    while (*told < m->part_count && tell_part(s, m->sequence, &m->parts[*told]))
        ++*told;
    s->telling = false;
    return *told == m->part_count;
}

UA_DateTime opcua_subscription_published(const struct opcua_subscription *s)
{
    return s->published;
}

/* ---- holding ---- */

static bool goes_before(const struct held_message *a, const struct held_message *b)
{
    return !b->old && is_before(a->message.sequence, b->message.sequence);
}

static size_t bytes_of(const struct notification *m)
{
    size_t bytes = sizeof(struct held_message);
    for (size_t i = 0; i < m->part_count; i++)
        bytes += sizeof m->parts[i] + m->parts[i].body.length;
    return bytes;
}

static bool has_room(const struct opcua_subscription *s, const struct notification *m, bool old)
{
    if (!old && m->sequence == s->expected)
        return true; /* part of it may have been told, and the others wait for it */
    return s->held_count < OPCUA_SUBSCRIPTION_HELD_MAX &&
           s->held_bytes + bytes_of(m) <= OPCUA_SUBSCRIPTION_HELD_BYTES_MAX;
}

/* False: no room. It is not acknowledged, and one with a number will be asked for again. */
static bool hold(struct opcua_subscription *s, struct notification *m, size_t told, bool old)
{
    if (!has_room(s, m, old))
        return false;
    struct held_message *h = MEMORY_NEW(struct held_message);
    h->message = *m;
    h->told = told;
    h->old = old;
    h->bytes = bytes_of(m);
    s->held_bytes += h->bytes;
    UA_init(m, &notification_type);
    struct link *after = s->held.head.prev;
    while (after != &s->held.head && goes_before(h, LIST_OF(after, struct held_message, link)))
        after = after->prev;
    h->link = (struct link){.prev = after, .next = after->next};
    after->next->prev = &h->link;
    after->next = &h->link;
    s->held_count++;
    return true;
}

static struct held_message *first_held(struct opcua_subscription *s)
{
    struct link *l = list_first(&s->held);
    return l ? LIST_OF(l, struct held_message, link) : NULL;
}

static bool is_held(struct opcua_subscription *s, uint32_t sequence)
{
    LIST_EACH(l, &s->held)
    if (!LIST_OF(l, struct held_message, link)->old &&
        LIST_OF(l, struct held_message, link)->message.sequence == sequence)
        return true;
    return false;
}

static void held_free(struct held_message *h)
{
    list_remove(&h->link);
    UA_clear(&h->message, &notification_type);
    free(h);
}

static void let_go(struct opcua_subscription *s, struct held_message *h)
{
    s->held_count--;
    s->held_bytes -= h->bytes;
    held_free(h);
}

/* ---- gaps ---- */

static void report_gap(struct opcua_subscription *s, uint32_t count)
{
    log_warn("opcua notifications lost url=%s subscription=%u first=%u count=%u", s->session->url,
             s->id, s->expected, count);
    s->counts.gaps += count;
    if (s->config.events->on_gap)
        s->config.events->on_gap(s->config.arg, s->expected, count);
    uint32_t to_wrap = UINT32_MAX - s->expected;
    s->expected = count > to_wrap ? count - to_wrap : s->expected + count;
}

static void after_one(struct opcua_subscription *s, uint32_t sequence)
{
    s->expected = next_of(sequence);
    s->repeated = s->unanswered = 0;
    s->counts.notifications++;
    publish_acknowledge(s, sequence);
}

static void after_one_without_number(struct opcua_subscription *s)
{
    s->counts.notifications++;
    publish_acknowledge(s, 0);
}

static bool has_passed(const struct opcua_subscription *s, const struct held_message *h)
{
    return !h->old && is_before(h->message.sequence, s->expected);
}

/* The first that is held, if it is its turn. */
static struct held_message *first_due(struct opcua_subscription *s)
{
    struct held_message *h;
    while ((h = first_held(s)) && has_passed(s, h)) {
        s->counts.duplicates++;
        let_go(s, h);
    }
    return h && (h->old || h->message.sequence == s->expected) ? h : NULL;
}

/* Tells the held ones, as far as they follow each other. */
static void tell_held(struct opcua_subscription *s)
{
    struct held_message *h;
    while (!s->paused && (h = first_due(s))) {
        s->paused = !tell(s, &h->message, &h->told);
        if (s->paused)
            return;
        bool old = h->old;
        uint32_t sequence = h->message.sequence;
        let_go(s, h);
        if (!old)
            after_one(s, sequence);
        else if (sequence == 0)
            after_one_without_number(s);
    }
}

/* How many of the next `missing` ones the server has no more: those before the first that it names.
 * One that names none is asked, but not for ever. */
static uint32_t count_gone(const struct opcua_subscription *s, uint32_t missing)
{
    if (s->available_count == 0)
        return missing > ASKED_MAX ? missing - ASKED_MAX : 0;
    uint32_t gone = missing;
    for (size_t i = 0; i < s->available_count; i++) {
        uint32_t ahead = distance(s->expected, s->available[i]);
        gone = ahead < gone ? ahead : gone;
    }
    return gone;
}

/* Where what is missing ends; `expected` when nothing is. */
static uint32_t gap_end(struct opcua_subscription *s)
{
    struct held_message *h = first_held(s);
    if (h && !h->old && !has_passed(s, h))
        return h->message.sequence;
    return is_before(s->expected, s->known_next) ? s->known_next : s->expected;
}

/* How many are lost with the one that was asked for: one by one, unless the server would say the same of each. */
static uint32_t count_lost(struct opcua_subscription *s, UA_StatusCode status)
{
    bool of_one = !UA_StatusCode_isBad(status) || status == UA_STATUSCODE_BADMESSAGENOTAVAILABLE;
    bool for_ever = !of_one && opcua_refusal_of(status) == OPCUA_REFUSAL_FINAL;
    s->unanswered = of_one ? 0 : s->unanswered + 1;
    uint32_t missing = distance(s->expected, gap_end(s));
    return missing > 0 && (for_ever || s->unanswered >= UNANSWERED_MAX) ? missing : 1;
}

static void on_republish(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_subscription *s = arg;
    struct republish_answer *r = response;
    s->republish = NULL;
    if (status == UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID) {
        subscription_restart(s, status);
        return;
    }
    if (opcua_call_was_lost(status))
        return; /* asked for again when it is back */
    if (s->asked != s->expected || is_held(s, s->asked)) {
        s->counts.duplicates++; /* it came by itself meanwhile */
    } else if (r && r->message.sequence == s->expected &&
               r->message.part_count) {
        s->counts.republished++;
        s->unanswered = 0;
        hold(s, &r->message, 0, false);
    } else {
        report_gap(s, count_lost(s, status));
    }
    receive_resume(s);
    publish_refill(s->session);
}

static void ask_again(struct opcua_subscription *s)
{
    UA_RepublishRequest request = {.subscriptionId = s->id,
                                   .retransmitSequenceNumber = s->expected};
    s->asked = s->expected;
    s->republish = opcua_session_call(s->session, OPCUA_CALL_NOW, &request,
                                      &UA_TYPES[UA_TYPES_REPUBLISHREQUEST], &republish_answer_type,
                                      on_republish, s, REPUBLISH_MS);
}

/* Gets what is missing, one by one; what the server has no more is a gap. */
static void fill_gap(struct opcua_subscription *s)
{
    uint32_t end = gap_end(s), gone = count_gone(s, distance(s->expected, end));
    if (gone)
        report_gap(s, gone);
    if (end != s->expected)
        ask_again(s);
    else
        s->unanswered = 0;
}

void receive_resume(struct opcua_subscription *s)
{
    do {
        if (s->paused || s->republish || s->state != SUBSCRIPTION_LIVE)
            return;
        tell_held(s);
        if (!s->paused)
            fill_gap(s);
    } while (!s->paused && !s->republish && first_held(s));
}

/* ---- counting anew ---- */

static void begin_to_count(struct opcua_subscription *s, uint32_t first)
{
    s->expected = s->known_next = first;
    s->available_count = 0;
    LIST_EACH(l, &s->held)
    LIST_OF(l, struct held_message, link)->old = true;
}

static struct held_message *first_anew(struct opcua_subscription *s)
{
    struct link *l = list_first(&s->anew);
    return l ? LIST_OF(l, struct held_message, link) : NULL;
}

static void forget_anew(struct opcua_subscription *s)
{
    for (struct held_message *h; (h = first_anew(s));)
        held_free(h);
    s->anew_count = 0;
}

/* They were repetitions, and may have been repeated because nobody acknowledged them. */
static void acknowledge_anew(struct opcua_subscription *s)
{
    LIST_EACH(l, &s->anew)
    publish_acknowledge(s, LIST_OF(l, struct held_message, link)->message.sequence);
}

/* Takes what is in the message. Not acknowledged: should the server count anew, it is told, or asked for again. */
static void keep_anew(struct opcua_subscription *s, struct notification *m)
{
    if (s->anew_count > ANEW_MAX)
        held_free(first_anew(s));
    struct held_message *h = MEMORY_NEW(struct held_message);
    h->message = *m;
    UA_init(m, &notification_type);
    list_push(&s->anew, &h->link);
}

/* Behind what is held from before, in order. */
static void take_anew(struct opcua_subscription *s)
{
    for (struct held_message *h; (h = first_anew(s));) {
        hold(s, &h->message, 0, false);
        held_free(h);
    }
    s->anew_count = 0;
}

/* Numbers from before, one after the other and on messages that are new, are no repetitions: there
 * are servers that begin to count anew. What they left out before that, nobody knows. */
static void look_for_new_count(struct opcua_subscription *s, struct notification *m)
{
    if (m->published <= s->published) {
        publish_acknowledge(s, m->sequence);
        if (++s->repeated >= REPEATED_MAX) /* a server without a clock, which begins to count anew */
            subscription_restart(s, UA_STATUSCODE_BADSEQUENCENUMBERINVALID);
        return;
    }
    if (s->anew_count == 0 || m->sequence != s->anew_next) {
        acknowledge_anew(s);
        forget_anew(s);
        s->anew_first = m->sequence;
    }
    s->anew_count++;
    s->anew_next = next_of(m->sequence);
    if (s->anew_count < ANEW_COUNT || s->paused || s->republish) {
        keep_anew(s, m);
        return;
    }
    log_warn("opcua notifications are counted anew by the server url=%s subscription=%u "
             "expected=%u got=%u",
             s->session->url, s->id, s->expected, m->sequence);
    report_gap_of_unknown(s);
    begin_to_count(s, s->anew_first);
    take_anew(s);
}

/* ---- what came in ---- */

static void on_keep_alive(struct opcua_subscription *s, struct notification *m)
{
    s->counts.keep_alives++;
    if (m->sequence != 0 && is_before(s->expected, m->sequence)) {
        s->known_next = m->sequence;
        receive_resume(s);
    } else if (s->config.events->on_keep_alive) {
        s->config.events->on_keep_alive(s->config.arg);
    }
}

/* No message has the number 0, but those of servers that count on to it from the last one, or that do not count:
 * taken as they come. */
static void take_without_number(struct opcua_subscription *s, struct notification *m)
{
    size_t told = 0;
    bool waits = s->paused || s->held_count > 0;
    if (!waits && tell(s, m, &told)) {
        after_one_without_number(s);
        return;
    }
    s->paused = s->paused || !waits;
    if (!hold(s, m, told, true))
        report_gap_of_unknown(s); /* it cannot be asked for */
    receive_resume(s);
}

void receive_message(struct opcua_subscription *s, struct notification *m)
{
    s->heard_ms = loop_now_ms(s->loop);
    if (m->part_count == 0) {
        on_keep_alive(s, m);
        return;
    }
    if (m->sequence == 0) {
        take_without_number(s, m);
        return;
    }
    uint32_t sequence = m->sequence;
    if (is_before(sequence, s->expected))
        look_for_new_count(s, m);
    if (is_before(sequence, s->expected) || is_held(s, sequence)) {
        s->counts.duplicates++;
        return;
    }
    size_t told = 0;
    if (!s->paused && sequence == s->expected && tell(s, m, &told)) {
        after_one(s, sequence);
        if (s->held_count)
            receive_resume(s);
        return;
    }
    s->paused = s->paused || sequence == s->expected;
    hold(s, m, told, false);
    receive_resume(s);
}

void receive_available(struct opcua_subscription *s, const uint32_t *sequences, size_t count)
{
    if (count > OPCUA_SUBSCRIPTION_HELD_MAX)
        count = 0; /* too many to look through: ask instead */
    s->available = memory_resize(s->available, (count + 1) * sizeof *s->available);
    if (count)
        memcpy(s->available, sequences, count * sizeof *s->available);
    s->available_count = count;
}

void opcua_subscription_resume(struct opcua_subscription *s)
{
    if (!s->paused || s->telling)
        return;
    s->paused = false;
    tell_held(s); /* also while there is no connection */
    receive_resume(s);
    publish_refill(s->session);
}

void receive_stop(struct opcua_subscription *s)
{
    if (s->republish)
        opcua_call_cancel(s->republish);
    s->republish = NULL;
}

void receive_restart(struct opcua_subscription *s)
{
    forget_anew(s);
    s->unanswered = s->repeated = 0;
    begin_to_count(s, 1);
}

void receive_clear(struct opcua_subscription *s)
{
    receive_stop(s);
    struct held_message *h;
    while ((h = first_held(s)))
        let_go(s, h);
    forget_anew(s);
    free(s->available);
}
