#include "issuer/scope.h"

#include "base/buffer.h"

static bool *own_word(struct issuer_scope *s, struct slice word)
{
    const struct {
        const char *name;
        bool *at;
    } words[] = {{"openid", &s->openid},
                 {"profile", &s->profile},
                 {"email", &s->email},
                 {"offline_access", &s->offline}};
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        if (slice_eq(word, slice_of(words[n].name)))
            return words[n].at;
    return NULL;
}

/* "api://millrace/x" is x of api://millrace; the audience alone is its default. */
static const char *audience_of(struct slice word, const char *const *audiences, struct slice *name)
{
    for (; *audiences; audiences++) {
        struct slice audience = slice_of(*audiences);
        if (!slice_starts(word, audience))
            continue;
        struct slice rest = slice_skip(word, audience.len);
        *name = slice_skip(rest, 1);
        if (rest.len == 0 || (rest.at[0] == '/' && rest.len > 1))
            return *audiences;
    }
    return NULL;
}

static bool has_word(struct slice words, struct slice word)
{
    struct slice part;
    while (words.len && slice_split(&words, ' ', &part))
        if (slice_eq(part, word))
            return true;
    return false;
}

static void grant(struct buffer *granted, struct slice name)
{
    if (name.len == 0 || slice_eq(name, SLICE(".default")))
        name = SLICE(ISSUER_SCOPE_DEFAULT);
    if (has_word(buffer_slice(granted), name))
        return;
    if (granted->len)
        buffer_u8(granted, ' ');
    buffer_put(granted, name);
}

bool issuer_scope_read(struct arena *a, struct slice scope, const char *const *audiences,
                       struct issuer_scope *out)
{
    struct buffer granted = {0};
    struct slice word, name;
    bool ok = true;
    *out = (struct issuer_scope){0};
    while (ok && scope.len && slice_split(&scope, ' ', &word)) {
        bool *own = own_word(out, word);
        if (own)
            *own = true;
        if (own || word.len == 0)
            continue;
        const char *audience = audience_of(word, audiences, &name);
        ok = audience && (!out->audience || out->audience == audience);
        out->audience = audience;
        if (ok)
            grant(&granted, name);
    }
    if (!out->audience) {
        out->audience = audiences[0];
        grant(&granted, SLICE(ISSUER_SCOPE_DEFAULT));
    }
    out->granted = arena_copy(a, buffer_slice(&granted));
    buffer_clear(&granted);
    return ok;
}
