#include "token/policies.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "token/sas.h"

enum { READ = 1, WRITE = 2, RUN = 4 };

static const struct policies_right rights[] = {
    {"Read", READ, 0}, {"Write", WRITE, READ}, {"Run", RUN, 0}, {NULL, 0, 0}};
static const struct policies_default defaults[] = {
    {"owner", READ | WRITE | RUN}, {"reader", READ}, {NULL, 0}};
static const struct policies_kind kind = {rights, defaults};
static const char *const hosts[] = {"house", "127.0.0.1", NULL};

#define NOW_MS 1700000000000ull

static enum status check(const struct policies *p, const char *policy, const char *resource,
                         struct slice key, unsigned wanted, uint64_t expires_ms)
{
    struct buffer token = {0};
    assert_int_equal(sas_make(slice_of(resource), key, slice_of(policy), expires_ms, &token), OK);
    enum status s =
        policies_check(p, NULL, hosts, buffer_slice(&token), SLICE("/things/a"), wanted, NOW_MS);
    buffer_clear(&token);
    return s;
}

static void a_token_grants_what_its_policy_does(void **state)
{
    (void)state;
    struct policies *p = policies_random(&kind);
    struct slice owner = policies_key(p, SLICE("owner"), false);
    struct slice reader = policies_key(p, SLICE("reader"), true);
    uint64_t later = NOW_MS + 60000;
    assert_int_equal(check(p, "owner", "house", owner, WRITE | RUN, later), OK);
    assert_int_equal(check(p, "reader", "127.0.0.1/things", reader, READ, later), OK);
    assert_int_equal(check(p, "reader", "house", reader, WRITE, later), FORBIDDEN);
    assert_int_equal(check(p, "reader", "house", owner, READ, later), UNAUTHORIZED);
    assert_int_equal(check(p, "nobody", "house", owner, READ, later), UNAUTHORIZED);
    assert_int_equal(check(p, "owner", "other", owner, READ, later), UNAUTHORIZED);
    assert_int_equal(check(p, "owner", "house/things/b", owner, READ, later), UNAUTHORIZED);
    assert_int_equal(check(p, "owner", "house", owner, READ, NOW_MS - 3600000), UNAUTHORIZED);
    policies_free(&p);
    assert_null(p);
}

static enum status load(const char *path, const char *text, struct policies **p)
{
    assert_int_equal(file_write(path, slice_of(text)), OK);
    return policies_load(&kind, path, p);
}

static void the_file_is_made_once_and_read_afterwards(void **state)
{
    (void)state;
    char path[] = "/tmp/policies-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    struct policies *first = NULL, *second = NULL, *bad = NULL;
    assert_int_equal(policies_load(&kind, path, &first), OK);
    assert_int_equal(policies_load(&kind, path, &second), OK);
    assert_true(slice_eq(policies_key(first, SLICE("owner"), true),
                         policies_key(second, SLICE("owner"), true)));
    assert_int_equal(policies_rights(second, SLICE("owner")), READ | WRITE | RUN);
    policies_free(&first);
    policies_free(&second);

    assert_int_equal(load(path,
                          "{\"w\":{\"permissions\":[\"Write\"],\"primaryKey\":\"YQ==\","
                          "\"secondaryKey\":\"Yg==\"}}",
                          &first),
                     OK);
    assert_int_equal(policies_rights(first, SLICE("w")), READ | WRITE);
    policies_free(&first);
    assert_int_equal(
        load(
            path,
            "{\"w\":{\"permissions\":[\"Fly\"],\"primaryKey\":\"YQ==\",\"secondaryKey\":\"Yg==\"}}",
            &bad),
        BAD_FORMAT);
    assert_int_equal(
        load(path,
             "{\"w\":{\"permissions\":[\"Run\"],\"primaryKey\":\"?\",\"secondaryKey\":\"Yg==\"}}",
             &bad),
        BAD_FORMAT);
    assert_int_equal(load(path, "{}", &bad), BAD_FORMAT);
    assert_int_equal(load(path, "[", &bad), BAD_FORMAT);
    assert_null(bad);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_grants_what_its_policy_does),
        cmocka_unit_test(the_file_is_made_once_and_read_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
