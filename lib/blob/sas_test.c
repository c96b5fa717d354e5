/* Signatures that Azure's own package made with the account's key, and ours. */
#include "blob/sas.h"

#include "base/cmocka.h"
#include "base/encoding.h"

#define FIELDS_MAX 16
#define NOON 1795680000000u /* 2026-11-26T08:00:00Z */

static const struct blob_account account = {"millrace", SLICE_INIT("YSBrZXkgb2YgdGhlIHRlc3Q=")};

static struct arena arena;
static const char *why;

static enum status check(struct slice query, const struct blob_wish *wish, unsigned *granted)
{
    struct rest_field fields[FIELDS_MAX];
    struct slice pair;
    size_t count = 0;
    while (query.len > 0 && count < FIELDS_MAX && slice_split(&query, '&', &pair)) {
        size_t eq = slice_find(pair, '=');
        fields[count++] = (struct rest_field){slice_first(pair, eq),
                                              percent_decode_in(&arena, slice_skip(pair, eq + 1))};
    }
    return blob_sas_check(&account, fields, count, wish, granted, &why);
}

static struct blob_wish wish_for(const char *blob, unsigned any_of)
{
    return (struct blob_wish){.container = SLICE("uploads"),
                              .blob = slice_of(blob),
                              .any_of = any_of,
                              .peer = SLICE("127.0.0.3:4444"),
                              .now_ms = NOON - 1000};
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

/* @azure/storage-blob 12.8.0, generateBlobSASQueryParameters and generateAccountSASQueryParameters.
 */
#define BLOB_2018                                                                                  \
    SLICE("sv=2018-11-09&st=2026-11-26T07%3A00%3A00Z&se=2026-11-26T08%3A00%3A00Z&sip=127.0.0.1-"   \
          "127.0.0.9&sr=b&sp=rw&"                                                                  \
          "sig=%2Bp7ysWTgJjQcVFlVLmSVuwEV%2FFuOzgpnXvtKA%2BJ7LXA%3D&rsct=text%2Fx")
#define BLOB_2020                                                                                  \
    SLICE("sv=2020-10-02&st=2026-11-26T07%3A00%3A00Z&se=2026-11-26T08%3A00%3A00Z&sip=127.0.0.1-"   \
          "127.0.0.9&sr=b&sp=rw&"                                                                  \
          "sig=q%2B9DXdJTmYR1xo8EM5VIdRo2fgGoz%2BhXUVu4KjqGBh0%3D&rsct=text%2Fx")
#define CONTAINER                                                                                  \
    SLICE("sv=2020-10-02&se=2026-11-26T08%3A00%3A00Z&sr=c&sp=rl&sig="                              \
          "mET0qsM0NSIuRJRIEFmI8iuyujDzeFEEvvGtUi91I9o%3D")
#define ACCOUNT                                                                                    \
    SLICE("sv=2020-10-02&ss=b&srt=sco&se=2026-11-26T08%3A00%3A00Z&sp=rwdlac&"                      \
          "sig=4rCaMUrvkKcXihmF8ReQ2xJhuXi%2FebmaFxsLygkVezk%3D")

static void takes_what_azures_package_signed(void **state)
{
    (void)state;
    unsigned granted = 0;
    struct blob_wish wish = wish_for("d 1/a&b.txt", BLOB_WRITE);
    assert_int_equal(check(BLOB_2018, &wish, &granted), OK);
    assert_int_equal(check(BLOB_2020, &wish, &granted), OK);
    assert_int_equal(granted, BLOB_READ | BLOB_WRITE);
    wish = wish_for("any", BLOB_READ);
    assert_int_equal(check(CONTAINER, &wish, &granted), OK);
    wish = wish_for("", BLOB_LIST);
    assert_int_equal(check(CONTAINER, &wish, &granted), OK);
    wish = wish_for("", BLOB_CREATE);
    assert_int_equal(check(ACCOUNT, &wish, &granted), OK);
    assert_int_equal(granted, 63);
}

static void is_for_what_it_says_alone(void **state)
{
    (void)state;
    unsigned granted;
    struct blob_wish wish = wish_for("d 1/other", BLOB_READ);
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
    wish = wish_for("d 1/a&b.txt", BLOB_DELETE);
    assert_int_equal(check(BLOB_2020, &wish, &granted), FORBIDDEN);
    wish = wish_for("", BLOB_READ);
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
    wish = wish_for("any", BLOB_WRITE);
    assert_int_equal(check(CONTAINER, &wish, &granted), FORBIDDEN);
    wish.container = SLICE("others");
    wish.any_of = BLOB_READ;
    assert_int_equal(check(CONTAINER, &wish, &granted), UNAUTHORIZED);
}

static void has_its_time_and_its_place(void **state)
{
    (void)state;
    unsigned granted;
    struct blob_wish wish = wish_for("d 1/a&b.txt", BLOB_READ);
    wish.now_ms = NOON;
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
    assert_non_null(strstr(why, "expired"));
    wish.now_ms = NOON - 3600 * 1000 - 1;
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
    assert_non_null(strstr(why, "not valid yet"));
    wish.now_ms = NOON - 1;
    wish.peer = SLICE("127.0.0.10:1");
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
    wish.peer = SLICE("[::1]:1");
    assert_int_equal(check(BLOB_2020, &wish, &granted), UNAUTHORIZED);
}

/* Whatever byte of it is changed, it is refused. */
static void refuses_every_change(void **state)
{
    (void)state;
    unsigned granted;
    struct blob_wish wish = wish_for("any", BLOB_READ);
    struct slice whole = CONTAINER;
    for (size_t i = 0; i < whole.len; i++) {
        char copy[256];
        memcpy(copy, whole.at, whole.len);
        copy[i] = copy[i] == 'z' ? 'y' : (char)(copy[i] + 1);
        assert_int_not_equal(check(slice_from(copy, whole.len), &wish, &granted), OK);
        assert_int_not_equal(check(slice_first(whole, i), &wish, &granted), OK);
    }
    struct buffer twice = {0};
    buffer_put(&twice, whole);
    buffer_text(&twice, "&se=2099-01-01");
    assert_int_equal(check(buffer_slice(&twice), &wish, &granted), UNAUTHORIZED);
    buffer_clear(&twice);
}

static void takes_what_it_makes(void **state)
{
    (void)state;
    struct blob_sas all[] = {
        {SLICE("uploads"), SLICE("d/a b"), BLOB_READ | BLOB_WRITE, NOON},
        {SLICE("uploads"), SLICE(""), BLOB_READ | BLOB_LIST, NOON},
        {SLICE(""), SLICE(""), BLOB_READ, NOON},
    };
    for (size_t i = 0; i < 3; i++) {
        struct buffer made = {0};
        unsigned granted;
        assert_int_equal(blob_sas_make(&account, &all[i], &made), OK);
        struct blob_wish wish = wish_for("d/a b", BLOB_READ);
        assert_int_equal(check(buffer_slice(&made), &wish, &granted), OK);
        assert_int_equal(granted, all[i].permissions);
        wish.now_ms = NOON;
        assert_int_equal(check(buffer_slice(&made), &wish, &granted), UNAUTHORIZED);
        buffer_clear(&made);
    }
    struct buffer made = {0};
    struct blob_account broken = {"millrace", SLICE("no base64")};
    assert_int_equal(blob_sas_make(&broken, &all[0], &made), BAD_ARGUMENT);
    assert_int_equal(made.len, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_what_azures_package_signed),
        TEST(is_for_what_it_says_alone),
        TEST(has_its_time_and_its_place),
        TEST(refuses_every_change),
        TEST(takes_what_it_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
