#include "issuer/token.h"

#include "base/encoding.h"
#include "crypto/random.h"
#include "token/jwt.h"
#include "json/write.h"

static void put_random_id(struct json_writer *w) /* so that no two tokens are the same */
{
    uint8_t random[16];
    struct buffer text = {0};
    crypto_random(random, sizeof(random));
    base64url_encode(slice_from(random, sizeof(random)), &text);
    json_name(w, "uti"), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_claims(struct json_writer *w, const struct issuer_token *t)
{
    uint64_t now = t->now_ms / 1000;
    json_object(w);
    json_name(w, "aud"), json_put_text(w, t->audience);
    json_name(w, "iss"), json_put_text(w, t->issuer);
    json_name(w, "iat"), json_put_u64(w, now);
    json_name(w, "nbf"), json_put_u64(w, now);
    json_name(w, "exp"), json_put_u64(w, now + t->life_ms / 1000);
    json_name(w, "azp"), json_put_string(w, t->client->name);
    json_name(w, "appid"), json_put_string(w, t->client->name);
    json_name(w, "azpacr"), json_put_text(w, "1"); /* it showed a secret */
    json_name(w, "idtyp"), json_put_text(w, "app");
    json_name(w, "oid"), json_put_string(w, t->client->object_id);
    json_name(w, "sub"), json_put_string(w, t->client->object_id);
    json_name(w, "tid"), json_put_text(w, t->tenant);
    json_name(w, "roles"), json_array(w);
    for (size_t n = 0; n < t->client->role_count; n++)
        json_put_string(w, t->client->roles[n]);
    json_end_array(w);
    put_random_id(w);
    json_name(w, "ver"), json_put_text(w, "2.0");
    json_end_object(w);
}

enum status issuer_token_make(const struct issuer_token *t, const struct jwk *key,
                              struct buffer *out)
{
    struct buffer claims = {0};
    struct json_writer w = json_writer(&claims);
    put_claims(&w, t);
    enum status s = jwt_make(key, buffer_slice(&claims), out);
    buffer_clear(&claims);
    return s;
}
