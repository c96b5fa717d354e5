#include "published/credentials.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "json/json.h"
#include "json/write.h"
#include "published/config_field.h"
#include "published/config_seal.h"
#include "rest/client.h"

#define VERSION "2019-01-30"
/* Part of the contract: files were encrypted with it since OPC Publisher 2.5. */
#define INITIALIZATION_VECTOR SLICE("alKGJdfsgidfasdO")

struct secret {
    struct buffer asked, answer; /* cipher and plain text, or the other way round */
    bool seals, wanted, known;
    bool missing; /* the API said nothing of it the last time */
    uint64_t slow; /* its number among those that were waited for in vain; 0: it was not */
    bool used; /* since secrets were last forgotten */
};

struct secrets {
    struct map by_asked; /* which is their own */
    bool used;           /* any of them could have been asked for */
};

struct credentials {
    struct loop *loop;
    struct rest_client *client;
    struct buffer url, socket; /* url: without the operation */
    struct secrets opened, sealed;
    struct secret **wanted;
    size_t wanted_count, at;
    size_t missing;
    uint64_t slow; /* so far */
    uint64_t round_ms, ends_ms; /* ends_ms: of this round */
    struct loop_timer begin;
    bool fetching, ending;
    loop_fn *fn;
    void *arg;
};

static void secret_free(struct secret *s)
{
    buffer_wipe(&s->asked);
    buffer_wipe(&s->answer);
    free(s);
}

/* ---- settling ---- */

static void set_missing(struct credentials *c, struct secret *s, bool missing)
{
    c->missing += missing;
    c->missing -= s->missing;
    s->missing = missing;
}

static void want(struct credentials *c, struct secret *s)
{
    if (s->wanted)
        return;
    s->wanted = true;
    set_missing(c, s, false);
    c->wanted = memory_resize(c->wanted, (c->wanted_count + 1) * sizeof(struct secret *));
    c->wanted[c->wanted_count++] = s;
}

/* OK; AGAIN: it is wanted now; FORBIDDEN: the API did not give it. */
static enum status look_up(struct credentials *c, bool seals, struct slice asked, struct slice *out)
{
    struct map *all = seals ? &c->sealed.by_asked : &c->opened.by_asked;
    struct secret *s = map_get(all, asked);
    if (!s) {
        s = MEMORY_NEW(struct secret);
        s->seals = seals;
        buffer_put(&s->asked, asked);
        map_put(all, buffer_slice(&s->asked), s);
        want(c, s);
    }
    s->used = true;
    if (s->known)
        *out = buffer_slice(&s->answer);
    return s->known ? OK : s->wanted ? AGAIN : FORBIDDEN;
}

/* An absent one is an empty one. */
static enum status open_one(struct credentials *c, struct slice cipher, struct arena *a,
                            struct slice *out)
{
    struct slice plain = {0};
    enum status s = cipher.len == 0 ? OK : c ? look_up(c, false, cipher, &plain) : FORBIDDEN;
    if (s == OK)
        *out = arena_copy(a, plain);
    return s;
}

static enum status open_entry(struct credentials *c, struct config *config, struct config_entry *e)
{
    struct slice user = {0}, password = {0};
    enum status of_user = open_one(c, e->rare->encrypted_user, &config->arena, &user);
    enum status s = open_one(c, e->rare->encrypted_password, &config->arena, &password);
    if (of_user == AGAIN || s == AGAIN)
        return AGAIN;
    if (of_user != OK || s != OK || user.len == 0)
        return FORBIDDEN;
    struct config_entry_rare *rare = ARENA_TAKE(&config->arena, struct config_entry_rare);
    *rare = *e->rare;
    rare->encrypted_user = rare->encrypted_password = (struct slice){0};
    e->rare = rare; /* the same entry as one that has them in plain text */
    e->user = user;
    if (password.len)
        e->password = password;
    e->authentication = e->sealed;
    return OK;
}

/* AGAIN: all are asked for, whatever came of the others. */
static enum status open_entries(struct credentials *c, struct config *config)
{
    enum status s = OK;
    if (c)
        c->opened.used = true;
    for (size_t i = 0; i < config->entry_count; i++)
        if (config->entries[i].sealed && open_entry(c, config, &config->entries[i]) == AGAIN)
            s = AGAIN;
    return s;
}

/* False: it is left out. */
static bool is_kept(struct config *config, struct config_entry *e, bool forced)
{
    if (!e->sealed || e->authentication != AUTHENTICATE_NOBODY)
        return true;
    e->password = (struct slice){0}; /* Anonymous has none */
    config_find(config, e->at, SLICE("EncryptedAuthUsername"), forced,
                forced ? "cannot be decrypted here, and without that the entry is left out "
                         "(credentials.encrypted): run it as the IoT Edge module that encrypted it"
                       : "cannot be decrypted here, the server is asked as Anonymous: give "
                         "OpcAuthenticationUsername and OpcAuthenticationPassword, or run it as the "
                         "IoT Edge module that encrypted them");
    return !forced;
}

enum status credentials_settle(struct credentials *c, struct config *config, bool forced)
{
    enum status s = open_entries(c, config);
    size_t kept = 0;
    for (size_t i = 0; s == OK && i < config->entry_count; i++) {
        struct config_entry *e = &config->entries[i];
        if (is_kept(config, e, forced)) {
            config->entries[kept++] = *e;
            continue;
        }
        config->node_count -= e->node_count;
        config->refused++;
    }
    if (s == OK)
        config->entry_count = kept;
    return s;
}

void credentials_open(struct credentials *c, struct config *config)
{
    (void)open_entries(c, config); /* of those that are missing credentials_wants() tells */
}

bool credentials_wants(const struct credentials *c)
{
    return c->wanted_count > 0;
}

struct sealing {
    struct credentials *credentials;
    bool forbidden;
};

static bool seal_one(void *arg, struct slice plain, struct slice *cipher)
{
    struct sealing *s = arg;
    enum status status = look_up(s->credentials, true, plain, cipher);
    s->forbidden |= status == FORBIDDEN;
    return status == OK;
}

enum status credentials_seal(struct credentials *c, struct slice text, struct buffer *out,
                             struct buffer *why)
{
    struct sealing s = {.credentials = c};
    c->sealed.used = true;
    enum status status = config_seal(text, seal_one, &s, out, why);
    return s.forbidden && status == AGAIN ? FORBIDDEN : status;
}

/* ---- fetching ---- */

static void fetch_next(void *arg);

/* Cipher texts are kept as the API writes them: in base64. */
static bool take(struct secret *s, const struct rest_answer *a)
{
    struct json_doc *doc = NULL;
    buffer_reset(&s->answer);
    bool ok = a && a->status == 200 && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK;
    const struct json *answer = json_get(json_root(doc), s->seals ? "ciphertext" : "plaintext");
    if (ok && s->seals)
        buffer_put(&s->answer, json_string(answer));
    else if (ok)
        ok = base64_decode(json_string(answer), &s->answer) == OK;
    json_free(&doc);
    return ok && (s->answer.len || !s->seals);
}

/* The others would take as long, each. */
static void give_up(struct credentials *c, enum status why)
{
    if (c->at < c->wanted_count)
        log_warn("publisher credentials not asked for url=%s status=%s count=%zu",
                 buffer_cstr(&c->url), status_name(why), c->wanted_count - c->at);
    for (; c->at < c->wanted_count; c->at++) {
        c->wanted[c->at]->wanted = false;
        set_missing(c, c->wanted[c->at], true);
    }
}

/* It may say another thing later. IoT Edge says 500 of what it cannot decrypt. */
static bool may_come(enum status why, const struct rest_answer *a)
{
    return why != OK || a->status == 429 || (a->status > 500 && a->status <= 504);
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct credentials *c = arg;
    if (c->ending)
        return;
    struct secret *s = c->wanted[c->at++];
    s->wanted = false;
    s->known = why == OK && take(s, a);
    s->slow = why == TIMED_OUT ? ++c->slow : 0;
    set_missing(c, s, !s->known && may_come(why, a));
    if (!s->known)
        log_warn("publisher credentials not %s url=%s status=%s http=%d",
                 s->seals ? "encrypted" : "decrypted", buffer_cstr(&c->url), status_name(why),
                 a ? a->status : 0);
    if (why == TIMED_OUT || why == OFFLINE)
        give_up(c, why);
    fetch_next(c);
}

static void put_body(const struct secret *s, struct buffer *out)
{
    struct buffer vector = {0}, plain = {0};
    struct json_writer w = json_writer(out);
    base64_encode(buffer_slice(&s->asked), &plain);
    base64_encode(INITIALIZATION_VECTOR, &vector);
    json_object(&w);
    if (s->seals)
        json_name(&w, "plaintext"), json_put_string(&w, buffer_slice(&plain));
    else
        json_name(&w, "ciphertext"), json_put_string(&w, buffer_slice(&s->asked));
    json_name(&w, "initializationVector"), json_put_string(&w, buffer_slice(&vector));
    json_end_object(&w);
    buffer_clear(&vector);
    buffer_wipe(&plain);
}

static void fetch_next(void *arg)
{
    struct credentials *c = arg;
    uint64_t now = loop_now_ms(c->loop), left = c->ends_ms > now ? c->ends_ms - now : 0;
    if (left == 0)
        give_up(c, TIMED_OUT);
    if (c->at == c->wanted_count) {
        c->wanted_count = c->at = 0;
        c->fetching = false;
        c->fn(c->arg);
        return;
    }
    const struct rest_field headers[] = {{SLICE("Content-Type"), SLICE("application/json")}};
    struct buffer body = {0}, url = {0};
    const struct secret *secret = c->wanted[c->at];
    put_body(secret, &body);
    buffer_printf(&url, "%s/%s?api-version=" VERSION, buffer_cstr(&c->url),
                  secret->seals ? "encrypt" : "decrypt");
    enum status s = rest_client_send(c->client,
                                     &(struct rest_call){.method = "POST",
                                                         .url = buffer_cstr(&url),
                                                         .headers = headers,
                                                         .header_count = 1,
                                                         .body = buffer_slice(&body),
                                                         .timeout_ms = left < CREDENTIALS_MS ? left
                                                                             : CREDENTIALS_MS,
                                                         .unix_socket = c->socket.len
                                                                            ? buffer_cstr(&c->socket)
                                                                            : NULL},
                                     on_answer, c);
    buffer_wipe(&body);
    buffer_clear(&url);
    if (s != OK)
        on_answer(c, s, NULL);
}

static int by_slow(const void *a, const void *b)
{
    uint64_t left = (*(struct secret *const *)a)->slow, right = (*(struct secret *const *)b)->slow;
    return (left > right) - (left < right);
}

/* Of those who were slow, who was the longest ago comes first: the turn is everybody's some time. */
static void put_slow_last(struct credentials *c)
{
    if (c->wanted_count > 1)
        qsort(c->wanted, c->wanted_count, sizeof *c->wanted, by_slow);
}

static void want_missing(struct credentials *c, const struct secrets *all)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&all->by_asked, &at));)
        if (((struct secret *)e->value)->missing)
            want(c, e->value);
}

size_t credentials_missing(const struct credentials *c)
{
    return c->missing;
}

void credentials_ask_again(struct credentials *c, loop_fn *fn, void *arg)
{
    want_missing(c, &c->opened);
    want_missing(c, &c->sealed);
    credentials_fetch(c, fn, arg);
}

void credentials_fetch(struct credentials *c, loop_fn *fn, void *arg)
{
    put_slow_last(c);
    c->fn = fn;
    c->arg = arg;
    c->fetching = true;
    c->ends_ms = loop_now_ms(c->loop) + c->round_ms;
    loop_timer_start(c->loop, &c->begin, 0, fetch_next, c);
}

/* Returns how many of them are missing. */
static size_t keep_used(struct secrets *all, bool missing_too)
{
    size_t missing = 0;
    struct map kept = {0};
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&all->by_asked, &at));) {
        struct secret *s = e->value;
        if ((s->known || (missing_too && s->missing)) && (s->used || !all->used)) {
            missing += s->missing;
            map_put(&kept, buffer_slice(&s->asked), s);
            s->used &= !all->used;
        } else {
            secret_free(s);
        }
    }
    map_clear(&all->by_asked);
    *all = (struct secrets){.by_asked = kept};
    return missing;
}

static void begin_file(struct credentials *c, bool missing_too)
{
    c->wanted_count = c->at = 0; /* what nobody fetched */
    c->missing = keep_used(&c->opened, missing_too);
    c->missing += keep_used(&c->sealed, missing_too);
}

void credentials_forget(struct credentials *c)
{
    begin_file(c, false);
}

void credentials_next_file(struct credentials *c)
{
    begin_file(c, true);
}

/* ---- life ---- */

static struct rest_client *new_client(struct loop *loop)
{
    return rest_client_new(&(struct rest_client_config){.loop = loop, .active = 1});
}

void credentials_end_round(struct credentials *c)
{
    if (!c->fetching)
        return;
    c->ending = true; /* the answer that is waited for says nothing more */
    rest_client_free(&c->client);
    c->ending = false;
    c->client = new_client(c->loop);
    loop_timer_stop(&c->begin);
    give_up(c, AGAIN);
    fetch_next(c);
}

static enum status set_address(struct credentials *c, const struct credentials_config *config)
{
    struct slice uri = slice_of(config->uri);
    if (slice_starts(uri, SLICE("unix://"))) {
        buffer_put(&c->socket, slice_skip(uri, SLICE("unix://").len));
        uri = SLICE("http://workload");
    }
    while (slice_ends(uri, SLICE("/")))
        uri.len--;
    if (!slice_starts(uri, SLICE("http://")) && !slice_starts(uri, SLICE("https://"))) {
        log_error("publisher workload API is no unix:// or http:// uri=%s", config->uri);
        return BAD_ARGUMENT;
    }
    buffer_printf(&c->url, "%.*s/modules/", SLICE_FMT(uri));
    percent_encode(slice_of(config->module), &c->url);
    buffer_text(&c->url, "/genid/");
    percent_encode(slice_of(config->generation), &c->url);
    return OK;
}

enum status credentials_new(const struct credentials_config *config, struct credentials **out)
{
    struct credentials *c = MEMORY_NEW(struct credentials);
    c->loop = config->loop;
    c->round_ms = config->round_ms ? config->round_ms : CREDENTIALS_ROUND_MS;
    enum status s = set_address(c, config);
    if (s == OK)
        c->client = new_client(config->loop);
    if (s != OK)
        credentials_free(&c);
    else
        *out = c;
    return s;
}

static void free_secrets(struct map *all)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(all, &at));)
        secret_free(e->value);
    map_clear(all);
}

void credentials_end(struct credentials *c)
{
    bool fetching = c->fetching;
    c->ending = true;
    c->fetching = false;
    loop_timer_stop(&c->begin);
    rest_client_free(&c->client);
    if (fetching)
        c->fn(c->arg);
}

void credentials_free(struct credentials **credentials)
{
    struct credentials *c = *credentials;
    if (!c)
        return;
    credentials_end(c);
    free_secrets(&c->opened.by_asked);
    free_secrets(&c->sealed.by_asked);
    buffer_clear(&c->url);
    buffer_clear(&c->socket);
    free(c->wanted);
    free(c);
    *credentials = NULL;
}
