#include "issuer/users.h"

#include "base/encoding.h"
#include "crypto/random.h"
#include "issuer/clients.h"
#include "json/json.h"
#include "json/write.h"

/* ---- roles as JSON ---- */

static void read_roles(struct arena *a, struct slice text, struct issuer_user *out)
{
    struct json_doc *doc = NULL;
    if (json_parse(text, JSON_STRICT, &doc, NULL) != OK)
        return;
    struct slice *roles = ARENA_TAKE_N(a, struct slice, ISSUER_ROLES_MAX);
    for (struct json_walk w = json_walk(json_root(doc));
         out->role_count < ISSUER_ROLES_MAX && json_next(&w);)
        roles[out->role_count++] = arena_copy(a, json_string(w.value));
    out->roles = roles;
    json_free(&doc);
}

static void print_roles(const struct issuer_user *user, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_array(&w);
    for (size_t n = 0; n < user->role_count; n++)
        json_put_string(&w, user->roles[n]);
    json_end_array(&w);
}

/* ---- one user ---- */

enum status issuer_user_get(struct store_table *t, struct arena *a, struct slice name,
                            struct issuer_user *out, struct slice *password)
{
    *out = (struct issuer_user){0};
    store_bind(t, SQL_USER_GET, 1, name);
    enum status s = store_step(t, SQL_USER_GET);
    if (s != OK)
        return s;
    out->name = arena_copy(a, store_column(t, SQL_USER_GET, 0));
    out->object_id = arena_copy(a, store_column(t, SQL_USER_GET, 1));
    out->display = arena_copy(a, store_column(t, SQL_USER_GET, 2));
    if (password)
        *password = arena_copy(a, store_column(t, SQL_USER_GET, 3));
    read_roles(a, store_column(t, SQL_USER_GET, 4), out);
    store_reset(t, SQL_USER_GET);
    return OK;
}

static bool name_ok(struct slice name)
{
    for (size_t n = 0; n < name.len; n++)
        if (name.at[n] <= ' ' || name.at[n] == 0x7f)
            return false;
    return name.len > 0 && name.len <= ISSUER_NAME_MAX;
}

enum status issuer_user_add(struct store_table *t, const struct issuer_user *user,
                            struct slice password, uint64_t now_ms)
{
    uint8_t random[16];
    char object_id[UUID_TEXT_LEN + 1];
    struct buffer roles = {0};
    if (!name_ok(user->name) || user->role_count > ISSUER_ROLES_MAX)
        return BAD_ARGUMENT;
    crypto_random(random, sizeof random);
    uuid_text(random, object_id);
    print_roles(user, &roles);
    store_bind(t, SQL_USER_ADD, 1, user->name);
    store_bind(t, SQL_USER_ADD, 2, slice_of(object_id));
    store_bind(t, SQL_USER_ADD, 3, user->display.len ? user->display : user->name);
    store_bind(t, SQL_USER_ADD, 4, password);
    store_bind(t, SQL_USER_ADD, 5, buffer_slice(&roles));
    store_bind_i64(t, SQL_USER_ADD, 6, (int64_t)now_ms);
    enum status s = store_run(t, SQL_USER_ADD);
    buffer_clear(&roles);
    return s;
}

static enum status end_refresh_tokens(struct store_table *t, struct slice name)
{
    store_bind(t, SQL_REFRESH_REMOVE_USER, 1, name);
    return store_run(t, SQL_REFRESH_REMOVE_USER);
}

/* A statement that gives the row which it changed. */
static enum status change(struct store_table *t, size_t statement)
{
    enum status s = store_step(t, statement);
    if (s == OK)
        store_reset(t, statement);
    return s;
}

enum status issuer_user_remove(struct store_table *t, struct slice name)
{
    store_bind(t, SQL_USER_REMOVE, 1, name);
    enum status s = change(t, SQL_USER_REMOVE);
    return s == OK ? end_refresh_tokens(t, name) : s;
}

enum status issuer_user_set_password(struct store_table *t, struct slice name,
                                     struct slice password)
{
    store_bind(t, SQL_USER_PASSWORD, 1, name);
    store_bind(t, SQL_USER_PASSWORD, 2, password);
    enum status s = change(t, SQL_USER_PASSWORD);
    return s == OK ? end_refresh_tokens(t, name) : s;
}

/* ---- attempts ---- */

/* For how long a name is locked after so many attempts that failed in a row. */
static uint64_t lock_ms(uint64_t failed)
{
    uint64_t ms = ISSUER_LOCK_MS;
    if (failed < ISSUER_ATTEMPTS_FREE)
        return 0;
    for (uint64_t n = ISSUER_ATTEMPTS_FREE; n < failed && ms < ISSUER_LOCK_MAX_MS; n++)
        ms *= 2;
    return ms < ISSUER_LOCK_MAX_MS ? ms : ISSUER_LOCK_MAX_MS;
}

enum status issuer_user_attempt(struct store_table *t, struct slice name, uint64_t now_ms)
{
    store_bind(t, SQL_USER_GET, 1, name);
    enum status s = store_step(t, SQL_USER_GET);
    if (s != OK)
        return s;
    uint64_t failed = (uint64_t)store_column_i64(t, SQL_USER_GET, 5);
    uint64_t locked_until_ms = (uint64_t)store_column_i64(t, SQL_USER_GET, 6);
    store_reset(t, SQL_USER_GET);
    /* A clock that was set back must not lock anybody for longer than a lock is long. */
    if (now_ms < locked_until_ms && locked_until_ms <= now_ms + ISSUER_LOCK_MAX_MS)
        return BUSY;
    uint64_t lock = lock_ms(failed + 1);
    store_bind(t, SQL_USER_ATTEMPT, 1, name);
    store_bind_i64(t, SQL_USER_ATTEMPT, 2, (int64_t)(failed + 1));
    store_bind_i64(t, SQL_USER_ATTEMPT, 3, (int64_t)(lock ? now_ms + lock : 0));
    return store_run(t, SQL_USER_ATTEMPT);
}

enum status issuer_user_attempt_good(struct store_table *t, struct slice name)
{
    store_bind(t, SQL_USER_ATTEMPTS_OVER, 1, name);
    return store_run(t, SQL_USER_ATTEMPTS_OVER);
}

/* ---- all of them ---- */

enum status issuer_users_list(struct store_table *t, uint64_t now_ms, struct buffer *out)
{
    enum status s;
    while ((s = store_step(t, SQL_USERS_LIST)) == OK) {
        uint64_t locked_until_ms = (uint64_t)store_column_i64(t, SQL_USERS_LIST, 4);
        buffer_put(out, store_column(t, SQL_USERS_LIST, 0));
        buffer_u8(out, ' ');
        buffer_put(out, store_column(t, SQL_USERS_LIST, 2));
        if (now_ms < locked_until_ms)
            buffer_printf(out, " locked for %llu s",
                          (unsigned long long)((locked_until_ms - now_ms + 999) / 1000));
        buffer_u8(out, '\n');
    }
    return s == NOT_FOUND ? OK : s;
}

enum status issuer_users_count(struct store_table *t, uint64_t *out)
{
    enum status s = store_step(t, SQL_USERS_COUNT);
    if (s != OK)
        return s;
    *out = (uint64_t)store_column_i64(t, SQL_USERS_COUNT, 0);
    store_reset(t, SQL_USERS_COUNT);
    return OK;
}
