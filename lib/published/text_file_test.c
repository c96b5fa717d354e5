#include "published/text_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"

static struct buffer text;

static int tear_down(void **state)
{
    (void)state;
    buffer_clear(&text);
    return 0;
}

static const char *utf8_of(struct slice bytes)
{
    buffer_reset(&text);
    buffer_put(&text, bytes);
    text_to_utf8(&text);
    return buffer_cstr(&text);
}

static void utf_8_stays_as_it_is(void **state)
{
    (void)state;
    assert_string_equal(utf8_of(SLICE("\xef\xbb\xbf[\"\xc3\xa4\"]")), "\xef\xbb\xbf[\"\xc3\xa4\"]");
    assert_string_equal(utf8_of(SLICE("")), "");
}

/* "aäア😀", with either end first. */
static void utf_16_becomes_utf_8(void **state)
{
    (void)state;
    const char *want = "a\xc3\xa4\xe3\x82\xa2\xf0\x9f\x98\x80";
    assert_string_equal(utf8_of(SLICE("\xff\xfe"
                                      "a\0\xe4\0\xa2\x30\x3d\xd8\x00\xde")),
                        want);
    assert_string_equal(utf8_of(SLICE("\xfe\xff"
                                      "\0a\0\xe4\x30\xa2\xd8\x3d\xde\x00")),
                        want);
    assert_string_equal(utf8_of(SLICE("\xff\xfe")), "");
}

static void half_a_character_is_none(void **state)
{
    (void)state;
    assert_string_equal(utf8_of(SLICE("\xff\xfe\x3d\xd8"
                                      "a\0")),
                        "\xef\xbf\xbd"
                        "a");
    assert_string_equal(utf8_of(SLICE("\xff\xfe\x00\xde"
                                      "a\0")),
                        "\xef\xbf\xbd"
                        "a");
    assert_string_equal(utf8_of(SLICE("\xff\xfe"
                                      "a\0\x3d\xd8")),
                        "a\xef\xbf\xbd");
    assert_string_equal(utf8_of(SLICE("\xff\xfe"
                                      "a\0b")),
                        "a\xef\xbf\xbd");
}

static void files_are_read_so(void **state)
{
    (void)state;
    char folder[] = "/tmp/millrace-text-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t", folder);
    assert_int_equal(text_file_read(path, &text), NOT_FOUND);
    assert_int_equal(file_write(path, SLICE("\xff\xfe[\0]\0")), OK);
    assert_int_equal(text_file_read(path, &text), OK);
    assert_string_equal(buffer_cstr(&text), "[]");
    assert_int_equal(text_file_read(path, &text), OK);
    assert_string_equal(buffer_cstr(&text), "[][]");
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(utf_8_stays_as_it_is, tear_down),
        cmocka_unit_test_teardown(utf_16_becomes_utf_8, tear_down),
        cmocka_unit_test_teardown(half_a_character_is_none, tear_down),
        cmocka_unit_test_teardown(files_are_read_so, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
