#include "issuer/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "token/jwt.h"

#define HOUR 3600000u
#define DAY (24 * HOUR)
#define START 1779006612000

static char folder[64], path[96];
static struct issuer_keys_config config;

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/issuer_keys_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/keys.json", folder);
    config = (struct issuer_keys_config){path, JWK_ES256, 30ull * DAY, HOUR};
    return 0;
}

static int finish(void **state)
{
    (void)state;
    remove(path);
    return rmdir(folder);
}

/* How many keys are published at that time; *id is a copy of the one that signs. */
static size_t load(uint64_t now_ms, char id[64])
{
    struct issuer_keys *k;
    struct jwk_set *set;
    assert_int_equal(issuer_keys_load(&config, now_ms, &k), OK);
    snprintf(id, 64, "%s", jwk_id(issuer_keys_signing(k)));
    assert_int_equal(jwk_set_parse(issuer_keys_set(k), &set), OK);
    size_t count = jwk_set_count(set);
    jwk_set_free(&set);
    issuer_keys_unref(&k);
    return count;
}

static void the_first_start_makes_a_key_that_stays(void **state)
{
    (void)state;
    char first[64], again[64];
    struct stat st;
    assert_int_equal(load(START, first), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(load(START + 29ull * DAY, again), 1);
    assert_string_equal(first, again);
}

static void a_replaced_key_is_published_until_its_tokens_have_ended(void **state)
{
    (void)state;
    char first[64], second[64], third[64];
    assert_int_equal(load(START, first), 1);
    assert_int_equal(load(START + 30ull * DAY, second), 2);
    assert_string_not_equal(first, second);
    assert_int_equal(load(START + 30ull * DAY + HOUR, third), 2);
    assert_string_equal(second, third);
    assert_int_equal(load(START + 30ull * DAY + HOUR + 1, third), 1);
    assert_string_equal(second, third);
}

static void what_it_signs_verifies_against_what_it_publishes(void **state)
{
    (void)state;
    struct issuer_keys *k;
    struct jwk_set *set;
    struct buffer token = {0};
    struct jwt t;
    const char *why;
    static const char *const any[] = {"a", NULL};
    assert_int_equal(issuer_keys_load(&config, START, &k), OK);
    assert_int_equal(jwk_set_parse(issuer_keys_set(k), &set), OK);
    assert_int_equal(jwt_make(issuer_keys_signing(k),
                              SLICE("{\"iss\":\"a\",\"aud\":\"a\",\"exp\":9999999999}"), &token),
                     OK);
    assert_int_equal(
        jwt_verify(buffer_slice(&token), set, &(struct jwt_expect){any, any, START, 0}, &t, &why),
        OK);
    jwt_clear(&t);
    buffer_clear(&token);
    jwk_set_free(&set);
    issuer_keys_unref(&k);
}

static void a_broken_file_is_not_replaced_in_silence(void **state)
{
    (void)state;
    struct issuer_keys *k;
    assert_int_equal(file_write(path, SLICE("{\"keys\":[{\"created\":1,\"key\":{}}]}")), OK);
    assert_int_equal(issuer_keys_load(&config, START, &k), BAD_FORMAT);
    assert_int_equal(file_write(path, SLICE("nothing")), OK);
    assert_int_equal(issuer_keys_load(&config, START, &k), BAD_FORMAT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_start_makes_a_key_that_stays),
        TEST(a_replaced_key_is_published_until_its_tokens_have_ended),
        TEST(what_it_signs_verifies_against_what_it_publishes),
        TEST(a_broken_file_is_not_replaced_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
