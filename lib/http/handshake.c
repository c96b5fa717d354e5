/* The opening handshake of a WebSocket, RFC 6455 section 4. */
#include "base/encoding.h"
#include "http/sha1.h"
#include "http/websocket.h"

#define KEY_BYTES 16

static struct slice trimmed_field(const struct http_message *m, const char *name)
{
    return slice_trim(http_message_field(m, name));
}

/* Section 4.2.1: base64 that decodes to 16 bytes. */
static bool key_ok(struct slice key)
{
    struct buffer bytes = {0};
    bool ok = key.len == HTTP_WEBSOCKET_KEY_LEN && base64_decode(key, &bytes) == OK &&
              bytes.len == KEY_BYTES;
    buffer_clear(&bytes);
    return ok;
}

enum status http_websocket_check(const struct http_message *request)
{
    if (!slice_eq(request->method, SLICE("GET")) || request->minor < 1 ||
        !http_message_field_has(request, "Connection", "upgrade") ||
        !http_message_field_has(request, "Upgrade", "websocket"))
        return BAD_FORMAT;
    if (!slice_eq(trimmed_field(request, "Sec-WebSocket-Version"), SLICE("13")))
        return UNSUPPORTED;
    return key_ok(trimmed_field(request, "Sec-WebSocket-Key")) ? OK : BAD_FORMAT;
}

static bool is_known(struct slice word, const char *const *known)
{
    for (; *known; known++)
        if (slice_eq_nocase(word, slice_of(*known)))
            return true;
    return false;
}

struct slice http_websocket_choose(const struct http_message *request, const char *const *known)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct slice list = request->fields[i].value, word;
        if (!slice_eq_nocase(request->fields[i].name, SLICE("Sec-WebSocket-Protocol")))
            continue;
        while (slice_split(&list, ',', &word))
            if (is_known(slice_trim(word), known))
                return slice_trim(word);
    }
    return (struct slice){0};
}

/* Section 4.2.2, 5: base64 of SHA-1 of the key's text and a fixed UUID. */
static void accept_put(struct slice key, struct buffer *out)
{
    struct buffer text = {0};
    uint8_t digest[HTTP_SHA1_LEN];
    buffer_put(&text, key);
    buffer_put(&text, SLICE("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    http_sha1(buffer_slice(&text), digest);
    base64_encode(slice_from(digest, sizeof digest), out);
    buffer_clear(&text);
}

void http_websocket_put_accept(struct buffer *out, const struct http_message *request,
                               struct slice protocol)
{
    http_message_put_response(out, 101);
    buffer_put(out, SLICE("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "));
    accept_put(trimmed_field(request, "Sec-WebSocket-Key"), out);
    buffer_put(out, SLICE("\r\n"));
    if (protocol.len)
        http_message_put_field(out, "Sec-WebSocket-Protocol", protocol);
    http_message_put_end(out);
}

void http_websocket_put_request(struct buffer *out, struct slice host, struct slice target,
                                const char *protocol, const uint8_t random[16])
{
    http_message_put_request(out, "GET", target);
    http_message_put_field(out, "Host", host);
    buffer_put(out, SLICE("Upgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "));
    base64_encode(slice_from(random, KEY_BYTES), out);
    buffer_put(out, SLICE("\r\n"));
    if (protocol)
        http_message_put_field(out, "Sec-WebSocket-Protocol", slice_of(protocol));
    http_message_put_end(out);
}

enum status http_websocket_check_accept(const struct http_message *response, const char *protocol,
                                        const uint8_t random[16])
{
    struct buffer key = {0}, wanted = {0};
    base64_encode(slice_from(random, KEY_BYTES), &key);
    accept_put(buffer_slice(&key), &wanted);
    /* Section 4.1, the client's checks 1 to 6: no extension was offered, so none may be granted. */
    bool ok =
        response->status == 101 && http_message_field_has(response, "Upgrade", "websocket") &&
        http_message_field_has(response, "Connection", "upgrade") &&
        slice_eq(trimmed_field(response, "Sec-WebSocket-Accept"), buffer_slice(&wanted)) &&
        trimmed_field(response, "Sec-WebSocket-Extensions").len == 0 &&
        slice_eq_nocase(trimmed_field(response, "Sec-WebSocket-Protocol"), slice_of(protocol));
    buffer_clear(&key);
    buffer_clear(&wanted);
    return ok ? OK : PEER_FAILED;
}
