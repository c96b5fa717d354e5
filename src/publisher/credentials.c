#include "publisher/credentials.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "json/json.h"
#include "json/write.h"
#include "publisher/config_field.h"
#include "rest/client.h"

#define VERSION "2019-01-30"
/* Part of the contract: files were encrypted with it since OPC Publisher 2.5. */
#define INITIALIZATION_VECTOR SLICE("alKGJdfsgidfasdO")

struct secret {
    struct buffer cipher, plain;
    bool opened;
};

struct credentials {
    struct loop *loop;
    struct rest_client *client;
    struct buffer url, socket;
    struct map secrets; /* by cipher, which is the secret's own */
    struct secret **wanted;
    size_t wanted_count, at;
    loop_fn *fn;
    void *arg;
};

static void secret_free(struct secret *s)
{
    if (s->plain.len)
        explicit_bzero(s->plain.at, s->plain.len);
    buffer_clear(&s->plain);
    buffer_clear(&s->cipher);
    free(s);
}

/* ---- settling ---- */

static const struct secret *find(const struct credentials *c, struct slice cipher)
{
    return c ? map_get(&c->secrets, cipher) : NULL;
}

static bool is_unknown(const struct credentials *c, struct slice cipher)
{
    return c && cipher.len && !find(c, cipher);
}

/* An absent one is an empty one. False: it cannot be opened. */
static bool open_one(const struct credentials *c, struct slice cipher, struct arena *a,
                     struct slice *out)
{
    const struct secret *s = find(c, cipher);
    if (cipher.len && !(s && s->opened))
        return false;
    *out = cipher.len ? arena_copy(a, buffer_slice(&s->plain)) : (struct slice){0};
    return true;
}

/* False: it is left out. */
static bool settle(const struct credentials *c, struct config *config, struct config_entry *e,
                   bool forced)
{
    struct slice user, password;
    if (open_one(c, e->rare->encrypted_user, &config->arena, &user) &&
        open_one(c, e->rare->encrypted_password, &config->arena, &password) && user.len) {
        e->user = user;
        e->password = password;
        e->authentication = AUTHENTICATE_USER;
        return true;
    }
    config_find(config, e->at, SLICE("EncryptedAuthUsername"), forced,
                forced ? "cannot be decrypted here, and without that the entry is left out "
                         "(credentials.encrypted): run it as the IoT Edge module that encrypted it"
                       : "cannot be decrypted here, the server is asked as Anonymous: give "
                         "OpcAuthenticationUsername and OpcAuthenticationPassword, or run it as the "
                         "IoT Edge module that encrypted them");
    return !forced;
}

enum status credentials_settle(const struct credentials *c, struct config *config, bool forced)
{
    enum status s = OK;
    for (size_t i = 0; i < config->entry_count; i++) {
        struct config_entry *e = &config->entries[i];
        if (!e->sealed)
            continue;
        if (is_unknown(c, e->rare->encrypted_user) || is_unknown(c, e->rare->encrypted_password))
            s = AGAIN;
    }
    size_t kept = 0;
    for (size_t i = 0; s == OK && i < config->entry_count; i++) {
        struct config_entry *e = &config->entries[i];
        if (!e->sealed || settle(c, config, e, forced)) {
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

/* ---- fetching ---- */

static void want(struct credentials *c, struct slice cipher)
{
    struct secret *s = map_get(&c->secrets, cipher);
    if (!cipher.len || (s && s->opened))
        return;
    for (size_t i = 0; i < c->wanted_count; i++)
        if (c->wanted[i] == s && s)
            return;
    if (!s) {
        s = MEMORY_NEW(struct secret);
        buffer_put(&s->cipher, cipher);
        map_put(&c->secrets, buffer_slice(&s->cipher), s);
    }
    c->wanted = memory_resize(c->wanted, (c->wanted_count + 1) * sizeof(struct secret *));
    c->wanted[c->wanted_count++] = s;
}

static void fetch_next(void *arg);

static bool take(struct secret *s, const struct rest_answer *a)
{
    struct json_doc *doc = NULL;
    buffer_reset(&s->plain);
    bool ok = a && a->status == 200 && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK &&
              base64_decode(json_string(json_get(json_root(doc), "plaintext")), &s->plain) == OK;
    json_free(&doc);
    return ok;
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct credentials *c = arg;
    struct secret *s = c->wanted[c->at++];
    s->opened = why == OK && take(s, a);
    if (!s->opened)
        log_warn("publisher credentials not decrypted url=%s status=%s http=%d",
                 buffer_cstr(&c->url), status_name(why), a ? a->status : 0);
    fetch_next(c);
}

static void put_body(const struct secret *s, struct buffer *out)
{
    struct buffer vector = {0};
    struct json_writer w = json_writer(out);
    base64_encode(INITIALIZATION_VECTOR, &vector);
    json_object(&w);
    json_name(&w, "ciphertext"), json_put_string(&w, buffer_slice(&s->cipher));
    json_name(&w, "initializationVector"), json_put_string(&w, buffer_slice(&vector));
    json_end_object(&w);
    buffer_clear(&vector);
}

static void fetch_next(void *arg)
{
    struct credentials *c = arg;
    if (c->at == c->wanted_count) {
        c->wanted_count = c->at = 0;
        c->fn(c->arg);
        return;
    }
    const struct rest_field headers[] = {{SLICE("Content-Type"), SLICE("application/json")}};
    struct buffer body = {0};
    put_body(c->wanted[c->at], &body);
    enum status s = rest_client_send(c->client,
                                     &(struct rest_call){.method = "POST",
                                                         .url = buffer_cstr(&c->url),
                                                         .headers = headers,
                                                         .header_count = 1,
                                                         .body = buffer_slice(&body),
                                                         .timeout_ms = CREDENTIALS_MS,
                                                         .unix_socket = c->socket.len
                                                                            ? buffer_cstr(&c->socket)
                                                                            : NULL},
                                     on_answer, c);
    buffer_clear(&body);
    if (s != OK)
        on_answer(c, s, NULL);
}

void credentials_fetch(struct credentials *c, const struct config *config, loop_fn *fn, void *arg)
{
    c->fn = fn;
    c->arg = arg;
    for (size_t i = 0; i < config->entry_count; i++) {
        const struct config_entry *e = &config->entries[i];
        if (!e->sealed)
            continue;
        want(c, e->rare->encrypted_user);
        want(c, e->rare->encrypted_password);
    }
    loop_defer(c->loop, fetch_next, c);
}

void credentials_forget_refused(struct credentials *c)
{
    struct map opened = {0};
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&c->secrets, &at));) {
        struct secret *s = e->value;
        if (s->opened)
            map_put(&opened, buffer_slice(&s->cipher), s);
        else
            secret_free(s);
    }
    map_clear(&c->secrets);
    c->secrets = opened;
}

/* ---- life ---- */

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
    buffer_text(&c->url, "/decrypt?api-version=" VERSION);
    return OK;
}

enum status credentials_new(const struct credentials_config *config, struct credentials **out)
{
    struct credentials *c = MEMORY_NEW(struct credentials);
    c->loop = config->loop;
    enum status s = set_address(c, config);
    if (s == OK)
        c->client = rest_client_new(&(struct rest_client_config){.loop = config->loop, .active = 1});
    if (s != OK)
        credentials_free(&c);
    else
        *out = c;
    return s;
}

void credentials_free(struct credentials **credentials)
{
    struct credentials *c = *credentials;
    size_t at = 0;
    if (!c)
        return;
    rest_client_free(&c->client);
    for (struct map_entry *e; (e = map_next(&c->secrets, &at));)
        secret_free(e->value);
    map_clear(&c->secrets);
    buffer_clear(&c->url);
    buffer_clear(&c->socket);
    free(c->wanted);
    free(c);
    *credentials = NULL;
}
