#include "heads/amqp_address.h"

#include "base/encoding.h"

/* What stands behind "scheme://authority"; *had tells whether there was one. */
static struct slice after_authority(struct slice text, bool *had)
{
    size_t at = slice_find_slice(text, SLICE("://"));
    *had = at < text.len && at > 0;
    if (!*had)
        return text;
    struct slice rest = slice_skip(text, at + 3);
    return slice_skip(rest, slice_find(rest, '/'));
}

static struct slice without_ends(struct slice path)
{
    while (path.len && path.at[0] == '/')
        path = slice_skip(path, 1);
    while (path.len && path.at[path.len - 1] == '/')
        path.len--;
    return path;
}

enum status heads_amqp_address_read(struct slice text, struct heads_amqp_address *out)
{
    bool had;
    struct slice rest = without_ends(after_authority(text, &had)), segment;
    struct heads_amqp_address a = {0};
    while (rest.len && slice_split(&rest, '/', &segment)) {
        if (a.count == HEADS_AMQP_SEGMENTS_MAX)
            return BAD_ARGUMENT;
        a.segments[a.count++] = segment;
    }
    *out = a;
    return OK;
}

bool heads_amqp_address_match(const struct heads_amqp_address *a, const char *pattern,
                              struct arena *arena, struct slice params[HEADS_AMQP_PARAMS_MAX])
{
    struct slice rest = slice_of(pattern), word;
    struct slice found[HEADS_AMQP_PARAMS_MAX] = {0};
    unsigned i = 0, count = 0;
    while (slice_split(&rest, '/', &word)) {
        if (i == a->count)
            return false;
        struct slice segment = a->segments[i++];
        if (slice_eq(word, SLICE("{}")) && count < HEADS_AMQP_PARAMS_MAX)
            found[count++] = segment;
        else if (!slice_eq_nocase(word, segment))
            return false;
    }
    if (i < a->count)
        return false;
    for (unsigned p = 0; p < count; p++)
        params[p] = percent_decode_in(arena, found[p]);
    return true;
}

struct slice heads_amqp_audience_path(struct arena *arena, struct slice audience)
{
    bool had;
    struct slice path = after_authority(percent_decode_in(arena, audience), &had);
    if (!had) /* the host stands first, without a scheme */
        path = slice_skip(path, slice_find(path, '/'));
    return without_ends(path);
}

bool heads_amqp_path_covers(struct slice path, const struct heads_amqp_address *a)
{
    struct slice rest = path, segment;
    for (unsigned i = 0; rest.len && slice_split(&rest, '/', &segment); i++)
        if (i == a->count || !slice_eq_nocase(segment, a->segments[i]))
            return false;
    return true;
}
