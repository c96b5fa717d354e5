#include "issuer/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"

static char folder[64], path[96];
static struct arena arena;

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/issuer_clients_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/clients.json", folder);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    arena_clear(&arena);
    remove(path);
    return rmdir(folder);
}

static void add(const char *name, const char *const *roles, size_t count, struct buffer *secret)
{
    buffer_reset(secret);
    assert_int_equal(issuer_client_add(path,
                                       &(struct issuer_client_new){
                                           .name = slice_of(name), .roles = roles, .role_count = count},
                                       secret),
                     OK);
}

static void a_client_is_known_by_the_secret_that_was_printed_once(void **state)
{
    (void)state;
    struct buffer secret = {0}, other = {0}, text = {0};
    struct issuer_client c;
    add("reader", (const char *const[]){"Read", "Write"}, 2, &secret);
    add("nobody", NULL, 0, &other);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("reader"), buffer_slice(&secret), &c),
                     OK);
    assert_slice(c.name, SLICE("reader"));
    assert_int_equal(c.role_count, 2);
    assert_slice(c.roles[1], SLICE("Write"));
    assert_int_equal(c.object_id.len, 36);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("nobody"), buffer_slice(&other), &c),
                     OK);
    assert_int_equal(c.role_count, 0);
    assert_int_equal(file_read(path, &text), OK);
    assert_int_equal(slice_find_slice(buffer_slice(&text), buffer_slice(&secret)), text.len);
    buffer_clear(&secret);
    buffer_clear(&other);
    buffer_clear(&text);
}

static void a_wrong_secret_and_an_unknown_name_are_refused_alike(void **state)
{
    (void)state;
    struct buffer secret = {0}, other = {0};
    struct issuer_client c;
    add("a", NULL, 0, &secret);
    add("b", NULL, 0, &other);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("a"), buffer_slice(&other), &c),
                     UNAUTHORIZED);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("a"), SLICE(""), &c), UNAUTHORIZED);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("c"), buffer_slice(&secret), &c),
                     UNAUTHORIZED);
    assert_int_equal(issuer_client_check(path, &arena, SLICE(""), SLICE(""), &c), UNAUTHORIZED);
    buffer_clear(&secret);
    buffer_clear(&other);
}

static void names_are_simple_and_stand_once(void **state)
{
    (void)state;
    struct buffer secret = {0};
    add("a", NULL, 0, &secret);
    assert_int_equal(issuer_client_add(path, &(struct issuer_client_new){.name = SLICE("a")}, &secret), EXISTS);
    assert_int_equal(issuer_client_add(path, &(struct issuer_client_new){.name = SLICE("")}, &secret), BAD_ARGUMENT);
    assert_int_equal(issuer_client_add(path, &(struct issuer_client_new){.name = SLICE("a b")}, &secret), BAD_ARGUMENT);
    assert_int_equal(issuer_client_add(path, &(struct issuer_client_new){.name = SLICE("a:b")}, &secret), BAD_ARGUMENT);
    buffer_clear(&secret);
}

static void one_is_removed_and_the_others_stay(void **state)
{
    (void)state;
    struct buffer a = {0}, b = {0}, list = {0};
    struct issuer_client c;
    add("a", (const char *const[]){"Read"}, 1, &a);
    add("b", (const char *const[]){"Admin"}, 1, &b);
    assert_int_equal(issuer_client_remove(path, SLICE("a")), OK);
    assert_int_equal(issuer_client_remove(path, SLICE("a")), NOT_FOUND);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("a"), buffer_slice(&a), &c),
                     UNAUTHORIZED);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("b"), buffer_slice(&b), &c), OK);
    assert_int_equal(issuer_client_list(path, &list), OK);
    assert_slice(buffer_slice(&list), SLICE("b Admin\n"));
    buffer_clear(&a);
    buffer_clear(&b);
    buffer_clear(&list);
}

static void the_file_is_for_its_user_alone_and_a_broken_one_stops(void **state)
{
    (void)state;
    struct buffer secret = {0};
    struct stat st;
    struct issuer_client c;
    add("a", NULL, 0, &secret);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_write(path, SLICE("{\"clients\":")), OK);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("a"), buffer_slice(&secret), &c),
                     BAD_FORMAT);
    assert_int_equal(issuer_client_add(path, &(struct issuer_client_new){.name = SLICE("b")}, &secret), BAD_FORMAT);
    buffer_clear(&secret);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

static void a_public_client_has_no_secret_to_show(void **state)
{
    (void)state;
    struct buffer secret = {0};
    struct issuer_client c;
    const struct issuer_client_new page = {.name = SLICE("page"),
                                           .redirects = (const char *const[]){"https://plant.example/app", "http://localhost"},
                                           .redirect_count = 2,
                                           .is_public = true};
    assert_int_equal(issuer_client_add(path, &page, &secret), OK);
    assert_int_equal(secret.len, 0);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("page"), SLICE("x"), &c), UNAUTHORIZED);
    assert_int_equal(issuer_client_check(path, &arena, SLICE("page"), SLICE(""), &c), OK);
    assert_true(c.is_public);
    assert_int_equal(issuer_client_find(path, &arena, SLICE("nobody"), &c), NOT_FOUND);
}

static void people_are_sent_where_the_client_lives_and_nowhere_else(void **state)
{
    (void)state;
    static const struct slice known[] = {SLICE_INIT("https://plant.example/app"), SLICE_INIT("http://localhost"),
                                         SLICE_INIT("http://127.0.0.1:80/done")};
    const struct issuer_client c = {.redirects = known, .redirect_count = 3};
    static const char *const yes[] = {"https://plant.example/app", "http://localhost", "http://localhost:53821",
                                      "http://127.0.0.1:1/done", "http://127.0.0.1/done"};
    static const char *const no[] = {"", "https://plant.example/app/", "https://plant.example", "http://localhost.evil.example",
                                     "http://localhost:80@evil.example", "http://localhost:80/x", "http://127.0.0.1:80/other",
                                     "https://localhost", "http://localhost:"  "x"};
    for (size_t n = 0; n < sizeof yes / sizeof *yes; n++)
        if (!issuer_client_redirects_to(&c, slice_of(yes[n])))
            fail_msg("refused: %s", yes[n]);
    for (size_t n = 0; n < sizeof no / sizeof *no; n++)
        if (issuer_client_redirects_to(&c, slice_of(no[n])))
            fail_msg("taken: %s", no[n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_is_known_by_the_secret_that_was_printed_once),
        TEST(a_wrong_secret_and_an_unknown_name_are_refused_alike),
        TEST(a_public_client_has_no_secret_to_show),
        cmocka_unit_test(people_are_sent_where_the_client_lives_and_nowhere_else),
        TEST(names_are_simple_and_stand_once),
        TEST(one_is_removed_and_the_others_stay),
        TEST(the_file_is_for_its_user_alone_and_a_broken_one_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
