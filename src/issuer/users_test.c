#include "issuer/users.h"

#include "base/cmocka.h"
#include "issuer/refresh.h"

static struct store_table *table;
static struct arena arena;
static const struct slice roles[] = {SLICE_INIT("Read"), SLICE_INIT("Admin")};

typedef void scene(struct store_table *t);

static enum status play(struct store_table *t, void *arg)
{
    ((scene *)arg)(t);
    return OK;
}

static void run(scene *fn)
{
    assert_int_equal(store_table_post(table, NULL, play, NULL, (void *)fn), OK);
}

static int begin(void **state)
{
    (void)state;
    return issuer_tables_open(":memory:", true, &table) == OK ? 0 : -1;
}

static int finish(void **state)
{
    (void)state;
    store_table_close(&table);
    arena_clear(&arena);
    return 0;
}

static const struct issuer_user anna = {
    .name = SLICE_INIT("anna"), .roles = roles, .role_count = 2};

static void add_and_find(struct store_table *t)
{
    struct issuer_user found;
    struct slice kept;
    assert_int_equal(issuer_user_add(t, &anna, SLICE("digest"), 1), OK);
    assert_int_equal(issuer_user_add(t, &anna, SLICE("digest"), 1), EXISTS);
    assert_int_equal(issuer_user_get(t, &arena, SLICE("ANNA"), &found, &kept), OK);
    assert_slice(found.name, SLICE("anna"));
    assert_slice(kept, SLICE("digest"));
    assert_int_equal(found.object_id.len, 36);
    assert_int_equal(found.role_count, 2);
    assert_slice(found.roles[1], SLICE("Admin"));
    assert_int_equal(issuer_user_get(t, &arena, SLICE("bert"), &found, NULL), NOT_FOUND);
    struct issuer_user odd = {.name = SLICE("with blank")};
    assert_int_equal(issuer_user_add(t, &odd, SLICE("x"), 1), BAD_ARGUMENT);
    assert_int_equal(issuer_user_remove(t, SLICE("anna")), OK);
    assert_int_equal(issuer_user_remove(t, SLICE("anna")), NOT_FOUND);
}

static void a_user_is_kept_and_found(void **state)
{
    (void)state;
    run(add_and_find);
}

static void guess(struct store_table *t)
{
    uint64_t now = 1000000;
    assert_int_equal(issuer_user_add(t, &anna, SLICE("digest"), 1), OK);
    for (int n = 0; n < ISSUER_ATTEMPTS_FREE; n++)
        assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now), OK);
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now), BUSY);
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now + ISSUER_LOCK_MS - 1), BUSY);
    now += ISSUER_LOCK_MS;
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now),
                     OK); /* one more, and it is locked for longer */
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now + 2 * ISSUER_LOCK_MS - 1), BUSY);
    now += 2 * ISSUER_LOCK_MS;
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now), OK);
    assert_int_equal(issuer_user_attempt_good(t, SLICE("anna")),
                     OK); /* the right one: all is forgotten */
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), now), OK);
    assert_int_equal(issuer_user_attempt(t, SLICE("nobody"), now), NOT_FOUND);
}

static void who_guesses_is_locked_out_for_longer_each_time(void **state)
{
    (void)state;
    run(guess);
}

static void set_back(struct store_table *t)
{
    assert_int_equal(issuer_user_add(t, &anna, SLICE("digest"), 1), OK);
    for (int n = 0; n < ISSUER_ATTEMPTS_FREE; n++)
        assert_int_equal(issuer_user_attempt(t, SLICE("anna"), 1ull << 40), OK);
    assert_int_equal(issuer_user_attempt(t, SLICE("anna"), 1000), OK);
}

static void a_clock_that_was_wrong_locks_nobody_for_ever(void **state)
{
    (void)state;
    run(set_back);
}

static void rotate(struct store_table *t)
{
    struct issuer_refresh r = {SLICE("family"), SLICE("client"), SLICE("anna"), SLICE("openid")},
                          got;
    struct buffer first = {0}, second = {0};
    assert_int_equal(issuer_refresh_add(t, &r, 1000000, &first), OK);
    assert_int_equal(issuer_refresh_take(t, &arena, SLICE("guess"), SLICE("client"), 1, &got),
                     UNAUTHORIZED);
    assert_int_equal(issuer_refresh_take(t, &arena, buffer_slice(&first), SLICE("other"), 1, &got),
                     UNAUTHORIZED);
    assert_int_equal(
        issuer_refresh_take(t, &arena, buffer_slice(&first), SLICE("client"), 1000000, &got),
        UNAUTHORIZED);
    assert_int_equal(issuer_refresh_take(t, &arena, buffer_slice(&first), SLICE("client"), 1, &got),
                     OK);
    assert_slice(got.user, SLICE("anna"));
    assert_slice(got.scope, SLICE("openid"));
    assert_int_equal(issuer_refresh_add(t, &got, 1000000, &second), OK);
    /* The same client asked twice at once. */
    assert_int_equal(issuer_refresh_take(t, &arena, buffer_slice(&first), SLICE("client"), 5, &got),
                     OK);
    /* Somebody has an old one: the new one ends with it. */
    uint64_t late = 1 + ISSUER_REFRESH_LEEWAY_MS;
    assert_int_equal(
        issuer_refresh_take(t, &arena, buffer_slice(&first), SLICE("client"), late, &got),
        REPLACED);
    assert_int_equal(
        issuer_refresh_take(t, &arena, buffer_slice(&second), SLICE("client"), late, &got),
        UNAUTHORIZED);
    buffer_clear(&first);
    buffer_clear(&second);
}

static void a_refresh_token_is_good_once_and_a_stolen_one_ends_its_family(void **state)
{
    (void)state;
    run(rotate);
}

static void change_password(struct store_table *t)
{
    struct issuer_refresh r = {SLICE("family"), SLICE("client"), SLICE("Anna"), SLICE("openid")},
                          got;
    struct buffer text = {0};
    assert_int_equal(issuer_user_add(t, &anna, SLICE("digest"), 1), OK);
    assert_int_equal(issuer_refresh_add(t, &r, 1000000, &text), OK);
    assert_int_equal(issuer_user_set_password(t, SLICE("anna"), SLICE("new")), OK);
    assert_int_equal(issuer_refresh_take(t, &arena, buffer_slice(&text), SLICE("client"), 1, &got),
                     UNAUTHORIZED);
    assert_int_equal(issuer_user_set_password(t, SLICE("bert"), SLICE("new")), NOT_FOUND);
    buffer_clear(&text);
}

static void a_new_password_ends_what_the_old_one_opened(void **state)
{
    (void)state;
    run(change_password);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_user_is_kept_and_found, begin, finish),
        cmocka_unit_test_setup_teardown(who_guesses_is_locked_out_for_longer_each_time, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(a_clock_that_was_wrong_locks_nobody_for_ever, begin,
                                        finish),
        cmocka_unit_test_setup_teardown(
            a_refresh_token_is_good_once_and_a_stolen_one_ends_its_family, begin, finish),
        cmocka_unit_test_setup_teardown(a_new_password_ends_what_the_old_one_opened, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
