#include "issuer/codes.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define VERIFIER_LEAST 43 /* RFC 7636, 4.1 */
#define VERIFIER_MOST 128
#define TYPED_LEN (ISSUER_USER_CODE_LEN - 1)

void issuer_codes_init(struct issuer_codes *c)
{
    *c = (struct issuer_codes){0};
    list_init(&c->order);
    list_init(&c->device_order);
}

/* ---- one code ---- */

static bool is_device(const struct issuer_code *code)
{
    return code->user_code[0] != 0;
}

static void without_dash(const char *user_code, char out[TYPED_LEN])
{
    memcpy(out, user_code, TYPED_LEN / 2);
    memcpy(out + TYPED_LEN / 2, user_code + TYPED_LEN / 2 + 1, TYPED_LEN / 2);
}

/* The map's keys are the code's own bytes. A user code's key is kept behind its text. */
struct kept_code {
    struct issuer_code code; /* first */
    char typed[TYPED_LEN];
};

static void drop(struct issuer_codes *c, struct issuer_code *code)
{
    list_remove(&code->link);
    map_remove(&c->codes, slice_of(code->text));
    if (is_device(code)) {
        map_remove(&c->user_codes, slice_from(((struct kept_code *)code)->typed, TYPED_LEN));
        c->device_count--;
    } else {
        c->count--;
    }
    char *texts[] = {code->client,       code->scope,     code->user,
                     code->redirect_uri, code->challenge, code->nonce};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        free(texts[n]);
    free(code);
}

static void drop_old(struct issuer_codes *c, struct list *order, size_t *count, uint64_t now_ms)
{
    struct link *l;
    while ((l = list_first(order))) {
        struct issuer_code *code = LIST_OF(l, struct issuer_code, link);
        if (*count < ISSUER_CODES_MAX && now_ms < code->expires_ms)
            return;
        drop(c, code);
    }
}

/* Letters that are no vowels, so that no words come up; RFC 8628, 6.1. */
static void make_user_code(char out[ISSUER_USER_CODE_LEN + 1])
{
    static const char letters[] = "BCDFGHJKLMNPQRSTVWXZ";
    for (size_t n = 0; n < ISSUER_USER_CODE_LEN;) {
        uint8_t random;
        crypto_random(&random, 1);
        if (n == TYPED_LEN / 2)
            out[n++] = '-';
        else if (random < 240) /* the largest multiple of 20 in a byte: each letter is as likely */
            out[n++] = letters[random % (sizeof letters - 1)];
    }
    out[ISSUER_USER_CODE_LEN] = 0;
}

static void make_text(char out[ISSUER_CODE_LEN + 1])
{
    uint8_t random[32];
    struct buffer text = {0};
    crypto_random(random, sizeof random);
    base64url_encode(slice_from(random, sizeof random), &text);
    memcpy(out, text.at, ISSUER_CODE_LEN);
    out[ISSUER_CODE_LEN] = 0;
    buffer_clear(&text);
}

static void make_user_code_new(struct issuer_codes *c, struct kept_code *kept)
{
    do {
        make_user_code(kept->code.user_code);
        without_dash(kept->code.user_code, kept->typed);
    } while (map_get(&c->user_codes, slice_from(kept->typed, TYPED_LEN)));
    map_put(&c->user_codes, slice_from(kept->typed, TYPED_LEN), kept);
}

struct issuer_code *issuer_code_new(struct issuer_codes *c, bool device, uint64_t now_ms)
{
    struct kept_code *kept = MEMORY_NEW(struct kept_code);
    struct issuer_code *code = &kept->code;
    uint8_t random[16];
    drop_old(c, &c->order, &c->count, now_ms);
    drop_old(c, &c->device_order, &c->device_count, now_ms);
    make_text(code->text);
    crypto_random(random, sizeof random);
    uuid_text(random, code->family);
    code->state = device ? CODE_PENDING : CODE_GRANTED;
    code->expires_ms = now_ms + (device ? ISSUER_DEVICE_CODE_MS : ISSUER_CODE_MS);
    code->interval_ms = ISSUER_DEVICE_INTERVAL_MS;
    char **texts[] = {&code->client,       &code->scope,     &code->user,
                      &code->redirect_uri, &code->challenge, &code->nonce};
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
        *texts[n] = memory_text("");
    map_put(&c->codes, slice_of(code->text), kept);
    if (device)
        make_user_code_new(c, kept);
    list_push(device ? &c->device_order : &c->order, &code->link);
    *(device ? &c->device_count : &c->count) += 1;
    return code;
}

void issuer_codes_clear(struct issuer_codes *c)
{
    struct list *orders[] = {&c->order, &c->device_order};
    for (size_t n = 0; n < 2; n++)
        for (struct link *l; (l = list_first(orders[n]));)
            drop(c, LIST_OF(l, struct issuer_code, link));
    map_clear(&c->codes);
    map_clear(&c->user_codes);
}

void issuer_code_set(char **member, struct slice text)
{
    free(*member);
    *member = slice_dup(text);
}

/* ---- finding ---- */

static struct issuer_code *alive(struct issuer_code *code, uint64_t now_ms)
{
    return code && now_ms < code->expires_ms ? code : NULL;
}

struct issuer_code *issuer_code_find(struct issuer_codes *c, struct slice text, uint64_t now_ms)
{
    return alive(map_get(&c->codes, text), now_ms);
}

struct issuer_code *issuer_code_find_user(struct issuer_codes *c, struct slice typed,
                                          uint64_t now_ms)
{
    char key[TYPED_LEN];
    size_t len = 0;
    for (size_t n = 0; n < typed.len; n++) {
        uint8_t b = typed.at[n];
        if (b == '-' || b == ' ')
            continue;
        if (len == TYPED_LEN)
            return NULL;
        key[len++] = (char)(b >= 'a' && b <= 'z' ? b - 32 : b);
    }
    return len == TYPED_LEN ? alive(map_get(&c->user_codes, slice_from(key, len)), now_ms) : NULL;
}

bool issuer_code_verifier_is(const struct issuer_code *code, struct slice verifier)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct buffer text = {0};
    if (verifier.len < VERIFIER_LEAST || verifier.len > VERIFIER_MOST)
        return false;
    crypto_sha256(verifier, digest);
    base64url_encode(slice_from(digest, sizeof digest), &text);
    bool same = crypto_equal(buffer_slice(&text), slice_of(code->challenge));
    buffer_clear(&text);
    return same;
}
