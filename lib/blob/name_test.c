#include "blob/name.h"

#include "base/cmocka.h"
#include "blob/crc64.h"

static void knows_the_names_of_containers(void **state)
{
    (void)state;
    static const char *const good[] = {"abc", "a-b", "0-9-z", "device-uploads", "$root", "$web"};
    static const char *const bad[] = {"",    "ab",  "-ab", "ab-",  "a--b", "Abc",
                                      "a_b", "a/b", "..",  "$roo", "a.b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(blob_container_name_ok(slice_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(blob_container_name_ok(slice_of(bad[i])));
    char longest[BLOB_CONTAINER_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(blob_container_name_ok(slice_from(longest, BLOB_CONTAINER_MAX)));
    assert_false(blob_container_name_ok(slice_from(longest, BLOB_CONTAINER_MAX + 1)));
}

static void knows_the_names_of_blobs(void **state)
{
    (void)state;
    static char longest[BLOB_NAME_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(blob_name_ok(SLICE("d/a b.txt")));
    assert_true(blob_name_ok(SLICE("../../etc/passwd"))); /* a name like any other: it is no path */
    assert_true(blob_name_ok(SLICE("gr\xc3\xbc\xc3\x9f"
                                   "e \xf0\x9f\x98\x80")));
    assert_true(blob_name_ok(slice_from(longest, BLOB_NAME_MAX)));
    assert_false(blob_name_ok(slice_from(longest, BLOB_NAME_MAX + 1)));
    assert_false(blob_name_ok(SLICE("")));
    assert_false(blob_name_ok(SLICE("a\0b")));
    assert_false(blob_name_ok(SLICE("a\nb")));
    assert_false(blob_name_ok(SLICE("\xff")));
    assert_false(blob_name_ok(SLICE("\xc3")));
    assert_false(blob_name_ok(SLICE("\xc0\xaf")));
    assert_false(blob_name_ok(SLICE("\xed\xa0\x80")));
}

/* The catalogue's check value of CRC-64/NVME; and pieces give what the whole gives. */
static void counts_the_crc_of_azure_storage(void **state)
{
    (void)state;
    struct slice text = SLICE("123456789");
    assert_true(blob_crc64(0, text) == 0xae8b14860a799888u);
    assert_true(blob_crc64(blob_crc64(0, slice_first(text, 4)), slice_skip(text, 4)) ==
                0xae8b14860a799888u);
    assert_true(blob_crc64(0, SLICE("")) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_names_of_containers),
        cmocka_unit_test(knows_the_names_of_blobs),
        cmocka_unit_test(counts_the_crc_of_azure_storage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
