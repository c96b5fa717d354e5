#include "published/config_seal.h"

#include "json/write.h"
#include "published/config.h"
#include "published/config_layout.h"

struct secret {
    struct slice plain_name, sealed_name;
    struct slice plain, sealed; /* what the reader takes */
    struct slice cipher;        /* empty: none is to be written */
    bool stands;                /* a member with the sealed name, which takes the cipher */
    bool bare;                  /* something stands there in plain text, with or without effect */
    bool stays;                 /* it is no secret */
    bool drops;                 /* the sealed one has no effect, and shall get none */
    bool done;
};

#define SECRETS 2

struct sealing {
    struct slice text;
    size_t copied; /* of it */
    struct buffer *out;
    config_seal_fn *fn;
    void *arg;
    struct arena arena;
    struct buffer *why;
    const struct json_doc *doc;
    bool missing, refused;
};

static struct slice cipher_of(struct sealing *s, struct slice plain)
{
    struct slice cipher = {0};
    if (plain.len && !s->fn(s->arg, plain, &cipher))
        s->missing = true;
    return cipher;
}

/* Instead of what stands there. */
static void put_member(struct sealing *s, const struct layout_member *m, struct slice name,
                       struct slice value)
{
    struct json_writer w = json_writer(s->out);
    buffer_put(s->out, slice_from(s->text.at + s->copied, m->at - s->copied));
    json_escape(s->out, name);
    buffer_text(s->out, ": ");
    if (value.len)
        json_put_string(&w, value);
    else
        buffer_text(s->out, "null");
    s->copied = m->end;
}

/* Of names that stand there more than once, in any spelling, one takes the cipher. */
static void seal_member(struct sealing *s, const struct layout_member *m, const struct json_walk *w,
                        struct secret *secret)
{
    bool plain = slice_eq_nocase(w->name, secret->plain_name);
    bool sealed = slice_eq_nocase(w->name, secret->sealed_name);
    if (secret->stays || (!plain && !sealed))
        return;
    bool takes = secret->cipher.len && !secret->done && sealed == secret->stands;
    bool goes = json_string(w->value).len > 0 && (plain || secret->cipher.len || secret->drops);
    if (takes || goes)
        put_member(s, m, takes ? secret->sealed_name : w->name,
                   takes ? secret->cipher : (struct slice){0});
    secret->done |= takes;
}

static void refuse(struct sealing *s, const struct json *entry, const struct json_walk *w)
{
    unsigned line = 0, column = 0;
    struct slice url = json_string(json_get_nocase(entry, "EndpointUrl"));
    if (!s->refused && json_where(s->doc, w->value, &line, &column))
        buffer_printf(s->why,
                      "line %u, entry of \"%.*s\": %.*s is no text and cannot be encrypted "
                      "(credentials.encrypted, --fe): write it in quotes, or take it out; nothing was "
                      "changed",
                      line, SLICE_FMT(slice_first(url, 256)), SLICE_FMT(w->name));
    s->refused = true;
}

/* As the reader: names in any spelling, the last one that is not null. */
static void find_secret(struct sealing *s, const struct json *entry, struct secret *out)
{
    struct json_walk w = json_walk(entry);
    while (json_next(&w)) {
        bool plain = slice_eq_nocase(w.name, out->plain_name);
        if (!plain && !slice_eq_nocase(w.name, out->sealed_name))
            continue;
        out->stands |= !plain;
        if (json_is(w.value, JSON_NULL))
            continue;
        if (plain && !json_is(w.value, JSON_STRING))
            refuse(s, entry, &w);
        *(plain ? &out->plain : &out->sealed) = json_string(w.value);
        out->bare |= plain && json_string(w.value).len > 0;
    }
}

/* With an encrypted user goes the encrypted password, with one in plain text the plain one. */
static void seal_entry(struct sealing *s, const struct json *entry, bool certificate, size_t at)
{
    struct secret secrets[SECRETS] = {
        {.plain_name = SLICE("OpcAuthenticationUsername"),
         .sealed_name = SLICE("EncryptedAuthUsername")},
        {.plain_name = SLICE("OpcAuthenticationPassword"),
         .sealed_name = SLICE("EncryptedAuthPassword")}};
    struct secret *user = &secrets[0], *password = &secrets[1];
    find_secret(s, entry, user);
    find_secret(s, entry, password);
    if (!user->bare && !password->bare)
        return;
    user->stays = certificate && !password->plain.len;
    if (!user->stays)
        user->cipher = cipher_of(s, user->plain);
    if (user->plain.len || !user->sealed.len || !password->sealed.len)
        password->cipher = cipher_of(s, password->plain);
    password->drops = user->cipher.len && !password->plain.len;
    struct layout_object o = layout_object(&s->arena, s->text, at, json_count(entry));
    struct json_walk w = json_walk(entry);
    for (size_t i = 0; i < o.count && json_next(&w); i++)
        for (size_t n = 0; n < SECRETS; n++)
            seal_member(s, &o.members[i], &w, &secrets[n]);
}

static void seal_entries(struct sealing *s, const struct config *c)
{
    const struct json *root = json_root(c->doc);
    size_t mark = slice_starts(s->text, SLICE("\xef\xbb\xbf")) ? 3 : 0, good = 0;
    struct layout_array a = layout_array(&s->arena, s->text, mark, json_count(root));
    struct json_walk w = json_walk(root);
    for (size_t i = 0; i < a.count && json_next(&w); i++) {
        bool taken = good < c->entry_count && c->entries[good].at == w.value;
        bool certificate = taken && c->entries[good].authentication == AUTHENTICATE_CERTIFICATE;
        good += taken;
        if (json_is(w.value, JSON_OBJECT))
            seal_entry(s, w.value, certificate, a.elements[i].at);
    }
}

enum status config_seal(struct slice text, config_seal_fn *fn, void *arg, struct buffer *out,
                        struct buffer *why)
{
    struct config c;
    struct sealing s = {.text = text, .out = out, .fn = fn, .arg = arg, .why = why};
    size_t before = out->len;
    enum status status = config_read(text, &c);
    s.doc = c.doc;
    if (status == OK && c.doc)
        seal_entries(&s, &c);
    if (status == OK && s.refused)
        status = BAD_ARGUMENT;
    else if (status == OK && s.missing)
        status = AGAIN;
    if (status == OK)
        buffer_put(out, slice_skip(text, s.copied));
    else
        out->len = before;
    config_clear(&c);
    arena_clear(&s.arena);
    return status;
}
