#include "http/url.h"

#include "base/encoding.h"

static bool is_clean(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] <= ' ' || text.at[i] == 0x7f)
            return false;
    return true;
}

static bool is_scheme(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i], letter = c | 0x20;
        bool is_letter = letter >= 'a' && letter <= 'z';
        bool is_other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && (i == 0 || !is_other))
            return false;
    }
    return s.len > 0;
}

static bool port_parse(struct slice text, uint16_t *out)
{
    uint64_t port;
    if (text.len == 0) /* "host:" is allowed, RFC 3986 section 3.2.3 */
        return true;
    if (!slice_to_u64(text, &port) || port == 0 || port > 65535)
        return false;
    *out = (uint16_t)port;
    return true;
}

/* host, host:port, [v6], [v6]:port */
static bool authority_parse(struct slice text, struct http_url *url)
{
    size_t end = slice_find(text, ':');
    url->host = slice_first(text, end);
    if (text.len && text.at[0] == '[') {
        size_t closing = slice_find(text, ']');
        if (closing == text.len)
            return false;
        url->host = slice_from(text.at + 1, closing - 1);
        end = closing + 1;
    }
    struct slice rest = slice_skip(text, end);
    if (url->host.len == 0 || slice_find(url->host, '@') < url->host.len)
        return false;
    return rest.len == 0 || (rest.at[0] == ':' && port_parse(slice_skip(rest, 1), &url->port));
}

static void target_parse(struct slice target, struct http_url *url)
{
    size_t question = slice_find(target, '?');
    url->path = slice_first(target, question);
    url->query = slice_skip(target, question + 1);
}

static size_t authority_end(struct slice text)
{
    size_t i = 0;
    while (i < text.len && text.at[i] != '/' && text.at[i] != '?')
        i++;
    return i;
}

enum status http_url_parse(struct slice text, struct http_url *out)
{
    struct http_url url = {0};
    if (!is_clean(text) || text.len == 0)
        return BAD_FORMAT;
    text = slice_first(text, slice_find(text, '#'));
    if (slice_eq(text, SLICE("*")) || slice_starts(text, SLICE("/"))) {
        target_parse(text, &url);
        *out = url;
        return OK;
    }

    size_t colon = slice_find_slice(text, SLICE("://"));
    url.scheme = slice_first(text, colon);
    if (colon == text.len || !is_scheme(url.scheme))
        return BAD_FORMAT;
    struct slice rest = slice_skip(text, colon + 3);
    size_t end = authority_end(rest);
    if (!authority_parse(slice_first(rest, end), &url))
        return BAD_FORMAT;
    target_parse(slice_skip(rest, end), &url);
    if (url.path.len == 0)
        url.path = SLICE("/");
    *out = url;
    return OK;
}

void http_url_put_target(struct buffer *out, const struct http_url *url)
{
    buffer_put(out, url->path);
    if (url->query.len) {
        buffer_u8(out, '?');
        buffer_put(out, url->query);
    }
}

bool http_url_segment_next(struct slice *path, struct slice *segment)
{
    if (path->len == 0 || path->at[0] != '/')
        return false;
    struct slice rest = slice_skip(*path, 1);
    size_t end = slice_find(rest, '/');
    *segment = slice_first(rest, end);
    *path = slice_skip(rest, end);
    return true;
}

bool http_url_query_next(struct slice *query, struct slice *name, struct slice *value)
{
    while (query->len) {
        size_t end = slice_find(*query, '&');
        struct slice pair = slice_first(*query, end);
        *query = slice_skip(*query, end + 1);
        if (pair.len == 0)
            continue;
        size_t equals = slice_find(pair, '=');
        *name = slice_first(pair, equals);
        *value = slice_skip(pair, equals + 1);
        return true;
    }
    return false;
}

struct slice http_url_query_decode(struct arena *a, struct slice text)
{
    struct slice copy = arena_copy(a, text);
    for (size_t i = 0; i < copy.len; i++)
        if (copy.at[i] == '+')
            ((uint8_t *)copy.at)[i] = ' ';
    return percent_decode_in(a, copy);
}
