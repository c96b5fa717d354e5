/*
 * What waits to be redeemed for tokens, in memory: authorization codes (RFC 6749, 4.1.2) for a
 * minute, device codes (RFC 8628) for a quarter of an hour. At most ISSUER_CODES_MAX of each;
 * beyond that the oldest goes. On the issuer's loop.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/slice.h"
#include "base/status.h"
#include "issuer/refresh.h"

#define ISSUER_CODES_MAX 10000
#define ISSUER_CODE_MS 60000
#define ISSUER_DEVICE_CODE_MS (15u * 60000)
#define ISSUER_DEVICE_INTERVAL_MS 5000 /* between two asks of a device; RFC 8628, 3.5 */
#define ISSUER_CODE_LEN 43             /* 32 random bytes as base64url */
#define ISSUER_USER_CODE_LEN 9         /* "BCDF-GHJK" */

enum issuer_code_state {
    CODE_PENDING, /* a device code nobody has typed yet; → GRANTED, DENIED */
    CODE_GRANTED, /* → REDEEMED */
    CODE_DENIED,
    CODE_REDEEMED, /* kept to its end: a second time ends what came of the first */
};

struct issuer_code {
    struct link link;
    enum issuer_code_state state;
    uint64_t expires_ms, asked_ms; /* loop time; asked: a device's last ask */
    uint64_t interval_ms;
    char text[ISSUER_CODE_LEN + 1];
    char user_code[ISSUER_USER_CODE_LEN + 1]; /* of a device code; else "" */
    char family[ISSUER_FAMILY_LEN + 1];       /* of the refresh tokens that come of it */
    /* Owned texts; "" for none. */
    char *client, *scope, *user;
    char *redirect_uri, *challenge, *nonce; /* of an authorization code */
};

struct issuer_codes {
    struct map codes;      /* by text */
    struct map user_codes; /* device codes by what a person types, without its dash */
    struct list order;     /* oldest first, authorization and device codes apart */
    struct list device_order;
    size_t count, device_count;
};

void issuer_codes_init(struct issuer_codes *c);
void issuer_codes_clear(struct issuer_codes *c);

/* The caller fills in the rest with issuer_code_set(). `device`: a device code with its user code.
 */
struct issuer_code *issuer_code_new(struct issuer_codes *c, bool device, uint64_t now_ms);
void issuer_code_set(char **member, struct slice text);
/* NULL: none, or its time is over. */
struct issuer_code *issuer_code_find(struct issuer_codes *c, struct slice text, uint64_t now_ms);
/* As a person types it: in any case, with blanks and dashes where they like. */
struct issuer_code *issuer_code_find_user(struct issuer_codes *c, struct slice typed,
                                          uint64_t now_ms);

/* RFC 7636, 4.6, with S256: the verifier's digest is the challenge. */
bool issuer_code_verifier_is(const struct issuer_code *code, struct slice verifier);
