#include "token/sas_memo.h"

#include "base/cmocka.h"

#define KEY SLICE("c2VjcmV0IG9mIGEgcG9saWN5")
#define OTHER_KEY SLICE("YW5vdGhlciBzZWNyZXQ=")

static struct buffer token;
static struct sas_memo memo;

static int begin(void **state)
{
    (void)state;
    memo = (struct sas_memo){0};
    assert_int_equal(sas_make(SLICE("hub"), KEY, SLICE("owner"), 1000000, &token), OK);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    buffer_clear(&token);
    return 0;
}

static enum status verify(struct slice text, struct slice key)
{
    struct sas t;
    assert_int_equal(sas_parse(text, &t), OK);
    return sas_memo_verify(&memo, text, &t, key);
}

static void a_token_that_was_right_is_known(void **state)
{
    (void)state;
    struct sas t, empty = {0};
    assert_int_equal(sas_parse(buffer_slice(&token), &t), OK);
    assert_int_equal(sas_memo_verify(&memo, buffer_slice(&token), &empty, KEY), UNAUTHORIZED);
    assert_int_equal(sas_memo_verify(&memo, buffer_slice(&token), &t, KEY), OK);
    /* Nothing that could be verified is there any more: it is the text that is known. */
    assert_int_equal(sas_memo_verify(&memo, buffer_slice(&token), &empty, KEY), OK);
    assert_int_equal(sas_memo_verify(NULL, buffer_slice(&token), &empty, KEY), UNAUTHORIZED);
}

static void what_differs_from_it_is_verified(void **state)
{
    (void)state;
    assert_int_equal(verify(buffer_slice(&token), KEY), OK);
    assert_int_equal(verify(buffer_slice(&token), OTHER_KEY), UNAUTHORIZED);
    for (size_t i = strlen("SharedAccessSignature "); i < token.len; i++) { /* with one byte another */
        struct sas t;
        uint8_t was = token.at[i];
        token.at[i] = was == '1' ? '2' : '1';
        if (sas_parse(buffer_slice(&token), &t) == OK)
            assert_int_equal(sas_memo_verify(&memo, buffer_slice(&token), &t, KEY),
                             sas_verify(&t, KEY));
        token.at[i] = was;
    }
    assert_int_equal(verify(buffer_slice(&token), KEY), OK);
}

static void what_was_wrong_is_not_remembered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(verify(buffer_slice(&token), OTHER_KEY), UNAUTHORIZED);
    assert_int_equal(verify(buffer_slice(&token), KEY), OK);
}

/* More tokens than there is room for: each is right all the same. */
static void many_take_turns(void **state)
{
    (void)state;
    struct buffer many[4 * SAS_MEMO_COUNT] = {{0}};
    for (size_t i = 0; i < 4 * SAS_MEMO_COUNT; i++)
        assert_int_equal(sas_make(SLICE("hub"), KEY, SLICE("owner"), 1000000 + i * 1000, &many[i]), OK);
    for (size_t turn = 0; turn < 3; turn++)
        for (size_t i = 0; i < 4 * SAS_MEMO_COUNT; i++) {
            assert_int_equal(verify(buffer_slice(&many[i]), KEY), OK);
            assert_int_equal(verify(buffer_slice(&many[i]), OTHER_KEY), UNAUTHORIZED);
        }
    for (size_t i = 0; i < 4 * SAS_MEMO_COUNT; i++)
        buffer_clear(&many[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_that_was_right_is_known),
        TEST(what_differs_from_it_is_verified),
        TEST(what_was_wrong_is_not_remembered),
        TEST(many_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
