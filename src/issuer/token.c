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

static void put_times(struct json_writer *w, const struct issuer_token *t)
{
    uint64_t now = t->now_ms / 1000;
    json_name(w, "iss"), json_put_text(w, t->issuer);
    json_name(w, "iat"), json_put_u64(w, now);
    json_name(w, "nbf"), json_put_u64(w, now);
    json_name(w, "exp"), json_put_u64(w, now + t->life_ms / 1000);
}

static void put_roles(struct json_writer *w, const struct slice *roles, size_t count)
{
    json_name(w, "roles"), json_array(w);
    for (size_t n = 0; n < count; n++)
        json_put_string(w, roles[n]);
    json_end_array(w);
}

static void put_person(struct json_writer *w, const struct issuer_user *user)
{
    json_name(w, "oid"), json_put_string(w, user->object_id);
    json_name(w, "sub"), json_put_string(w, user->object_id);
    json_name(w, "name"), json_put_string(w, user->display);
    json_name(w, "preferred_username"), json_put_string(w, user->name);
    put_roles(w, user->roles, user->role_count);
}

static void put_program(struct json_writer *w, const struct issuer_client *client)
{
    json_name(w, "idtyp"), json_put_text(w, "app");
    json_name(w, "oid"), json_put_string(w, client->object_id);
    json_name(w, "sub"), json_put_string(w, client->object_id);
    put_roles(w, client->roles, client->role_count);
}

static void put_claims(struct json_writer *w, const struct issuer_token *t)
{
    json_object(w);
    json_name(w, "aud"), json_put_text(w, t->audience);
    put_times(w, t);
    json_name(w, "azp"), json_put_string(w, t->client->name);
    json_name(w, "appid"), json_put_string(w, t->client->name);
    json_name(w, "azpacr"), json_put_text(w, t->client->is_public ? "0" : "1"); /* 1: it showed a secret */
    if (t->user) {
        put_person(w, t->user);
        json_name(w, "scp"), json_put_string(w, t->scopes);
    } else {
        put_program(w, t->client);
    }
    json_name(w, "tid"), json_put_text(w, t->tenant);
    put_random_id(w);
    json_name(w, "ver"), json_put_text(w, "2.0");
    json_end_object(w);
}

static void put_id_claims(struct json_writer *w, const struct issuer_token *t, struct slice nonce)
{
    json_object(w);
    json_name(w, "aud"), json_put_string(w, t->client->name);
    put_times(w, t);
    put_person(w, t->user);
    json_member(w, "nonce", nonce);
    json_name(w, "tid"), json_put_text(w, t->tenant);
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

enum status issuer_id_token_make(const struct issuer_token *t, struct slice nonce, const struct jwk *key,
                                 struct buffer *out)
{
    struct buffer claims = {0};
    struct json_writer w = json_writer(&claims);
    put_id_claims(&w, t, nonce);
    enum status s = jwt_make(key, buffer_slice(&claims), out);
    buffer_clear(&claims);
    return s;
}
