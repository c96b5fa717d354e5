#include "blob/range.h"

#include "base/cmocka.h"

#define IS(text_, bytes_, at_, len_)                                                               \
    do {                                                                                           \
        struct blob_range r;                                                                       \
        assert_int_equal(blob_range_parse(SLICE(text_), bytes_, &r), OK);                          \
        assert_int_equal(r.at, at_);                                                               \
        assert_int_equal(r.len, len_);                                                             \
    } while (0)

static void reads_the_three_forms(void **state)
{
    (void)state;
    IS("bytes=0-0", 10, 0, 1);
    IS("bytes=2-5", 10, 2, 4);
    IS("bytes=2-", 10, 2, 8);
    IS("bytes=2-99", 10, 2, 8);
    IS("bytes=-3", 10, 7, 3);
    IS("bytes=-99", 10, 0, 10);
    IS("Bytes=0-18446744073709551615", 10, 0, 10);
}

static void tells_what_is_past_the_end_from_what_is_no_range(void **state)
{
    (void)state;
    struct blob_range r = {7, 7};
    assert_int_equal(blob_range_parse(SLICE("bytes=10-"), 10, &r), BAD_ARGUMENT);
    assert_int_equal(blob_range_parse(SLICE("bytes=0-"), 0, &r), BAD_ARGUMENT);
    assert_int_equal(blob_range_parse(SLICE("bytes=-0"), 10, &r), BAD_ARGUMENT);
    static const char *const broken[] = {"bytes=",    "bytes=5",   "bytes=5-2",
                                         "bytes=a-b", "bytes=--1", "bytes=1-b"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(blob_range_parse(slice_of(broken[i]), 10, &r), BAD_FORMAT);
    assert_int_equal(blob_range_parse(SLICE("bytes=0-1,4-5"), 10, &r), NOT_FOUND);
    assert_int_equal(blob_range_parse(SLICE("lines=0-1"), 10, &r), NOT_FOUND);
    assert_int_equal(blob_range_parse(SLICE(""), 10, &r), NOT_FOUND);
    assert_int_equal(r.at, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_three_forms),
        cmocka_unit_test(tells_what_is_past_the_end_from_what_is_no_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
