#include "issuer/form.h"

#include "base/encoding.h"

static struct slice decode(struct arena *a, struct slice text)
{
    struct slice copy = arena_copy(a, text);
    uint8_t *at = (uint8_t *)(uintptr_t)copy.at;
    for (size_t n = 0; n < copy.len; n++)
        if (at[n] == '+')
            at[n] = ' ';
    return percent_decode_in(a, copy);
}

bool issuer_form_next(struct arena *a, struct slice *rest, struct slice *name, struct slice *value)
{
    struct slice part;
    if (rest->len == 0 || !slice_split(rest, '&', &part))
        return false;
    size_t equals = slice_find(part, '=');
    *name = decode(a, slice_first(part, equals));
    *value = decode(a, slice_skip(part, equals + 1));
    return true;
}

void issuer_form_read(struct arena *a, struct slice text, struct issuer_form *out)
{
    struct slice name, value;
    const struct {
        const char *name;
        struct slice *at;
    } members[] = {{"username", &out->username},
                   {"password", &out->password},
                   {"token", &out->token},
                   {"user_code", &out->user_code},
                   {"answer", &out->answer}};
    *out = (struct issuer_form){0};
    while (issuer_form_next(a, &text, &name, &value))
        for (size_t n = 0; n < sizeof members / sizeof *members; n++)
            if (slice_eq(name, slice_of(members[n].name)) && members[n].at->at == NULL)
                *members[n].at = value;
}
