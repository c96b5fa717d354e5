#include "published/config_seal.h"

#include "json/write.h"
#include "published/config.h"
#include "published/config_layout.h"

struct secret {
    struct slice plain_name, sealed_name, cipher; /* cipher: empty where there is nothing to seal */
    bool stands; /* the sealed one is there, too, and takes the cipher */
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
    bool missing;
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

/* A name that stands there in two spellings is sealed once. */
static void seal_member(struct sealing *s, const struct layout_member *m, struct slice name,
                        struct secret *secret)
{
    bool plain = slice_eq_nocase(name, secret->plain_name);
    bool sealed = slice_eq_nocase(name, secret->sealed_name);
    if (!secret->cipher.len || (!plain && !sealed))
        return;
    bool takes = sealed == secret->stands && !secret->done;
    put_member(s, m, takes ? secret->sealed_name : name,
               takes ? secret->cipher : (struct slice){0});
    secret->done |= takes;
}

static void seal_entry(struct sealing *s, const struct config_entry *e, size_t at)
{
    struct secret secrets[SECRETS] = {
        {SLICE("OpcAuthenticationUsername"), SLICE("EncryptedAuthUsername"), cipher_of(s, e->user),
         e->rare->encrypted_user.len > 0},
        {SLICE("OpcAuthenticationPassword"), SLICE("EncryptedAuthPassword"),
         cipher_of(s, e->password), e->rare->encrypted_password.len > 0}};
    struct layout_object o = layout_object(&s->arena, s->text, at, json_count(e->at));
    struct json_walk w = json_walk(e->at);
    for (size_t i = 0; i < o.count && json_next(&w); i++)
        for (size_t n = 0; n < SECRETS; n++)
            seal_member(s, &o.members[i], w.name, &secrets[n]);
}

static void seal_entries(struct sealing *s, const struct config *c)
{
    const struct json *root = json_root(c->doc);
    size_t mark = slice_starts(s->text, SLICE("\xef\xbb\xbf")) ? 3 : 0, good = 0;
    struct layout_array a = layout_array(&s->arena, s->text, mark, json_count(root));
    struct json_walk w = json_walk(root);
    for (size_t i = 0; i < a.count && json_next(&w); i++) {
        if (good == c->entry_count || c->entries[good].at != w.value)
            continue;
        const struct config_entry *e = &c->entries[good++];
        if (e->authentication == AUTHENTICATE_USER)
            seal_entry(s, e, a.elements[i].at);
    }
}

enum status config_seal(struct slice text, config_seal_fn *fn, void *arg, struct buffer *out)
{
    struct config c;
    struct sealing s = {.text = text, .out = out, .fn = fn, .arg = arg};
    size_t before = out->len;
    enum status status = config_read(text, &c);
    if (status == OK && c.entry_count)
        seal_entries(&s, &c);
    if (status == OK && s.missing)
        status = AGAIN;
    if (status == OK)
        buffer_put(out, slice_skip(text, s.copied));
    else
        out->len = before;
    config_clear(&c);
    arena_clear(&s.arena);
    return status;
}
