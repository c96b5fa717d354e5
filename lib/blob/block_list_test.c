#include "blob/block_list.h"

#include "base/buffer.h"
#include "base/cmocka.h"

static void reads_what_the_sdks_write(void **state)
{
    (void)state;
    struct arena a = {0};
    struct blob_block_list l;
    assert_int_equal(blob_block_list_parse(
                         SLICE("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>"
                               "<BlockList><Latest>QUFB</Latest><Latest>QUFC</Latest></BlockList>"),
                         &a, &l),
                     OK);
    assert_int_equal(l.count, 2);
    assert_slice(l.names[1].id, SLICE("QUFC"));
    assert_int_equal(l.names[1].from, BLOB_LATEST);
    assert_int_equal(
        blob_block_list_parse(SLICE("\xef\xbb\xbf<?xml version='1.0'?>\r\n<BlockList xmlns='x'>\n"
                                    "  <!-- two --><Committed> QUFB </Committed>\n"
                                    "<Uncommitted>QUFC</Uncommitted>\n</BlockList>\n"),
                              &a, &l),
        OK);
    assert_int_equal(l.count, 2);
    assert_slice(l.names[0].id, SLICE("QUFB"));
    assert_int_equal(l.names[0].from, BLOB_COMMITTED);
    assert_int_equal(l.names[1].from, BLOB_UNCOMMITTED);
    assert_int_equal(blob_block_list_parse(SLICE("<BlockList />"), &a, &l), OK);
    assert_int_equal(l.count, 0);
    assert_int_equal(blob_block_list_parse(SLICE("<BlockList></BlockList>"), &a, &l), OK);
    assert_int_equal(l.count, 0);
    arena_clear(&a);
}

static void refuses_every_prefix(void **state)
{
    (void)state;
    struct slice whole = SLICE("<BlockList><Latest>QUFB</Latest></BlockList>");
    for (size_t len = 0; len < whole.len; len++) {
        struct arena a = {0};
        struct blob_block_list l;
        assert_int_not_equal(blob_block_list_parse(slice_first(whole, len), &a, &l), OK);
        arena_clear(&a);
    }
}

static void refuses_what_is_no_list(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        enum status why;
    } rows[] = {
        {"<List></List>", BAD_FORMAT},
        {"<BlockList><Other>QUFB</Other></BlockList>", BAD_FORMAT},
        {"<BlockList><Latest>QUFB</Committed></BlockList>", BAD_FORMAT},
        {"<BlockList><Latest/></BlockList>", BAD_FORMAT},
        {"<BlockList><Latest>QUFB</Latest></BlockList><BlockList/>", BAD_FORMAT},
        {"<BlockList><Latest></Latest></BlockList>", BAD_ARGUMENT},
        {"<BlockList><Latest>not base64</Latest></BlockList>", BAD_ARGUMENT},
        {"<!DOCTYPE x [<!ENTITY a 'b'>]><BlockList/>", BAD_FORMAT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena a = {0};
        struct blob_block_list l;
        assert_int_equal(blob_block_list_parse(slice_of(rows[i].xml), &a, &l), rows[i].why);
        arena_clear(&a);
    }
}

static enum status parse_many(size_t count)
{
    struct arena a = {0};
    struct buffer xml = {0};
    struct blob_block_list l;
    buffer_text(&xml, "<BlockList>");
    for (size_t i = 0; i < count; i++)
        buffer_text(&xml, "<Latest>QUFB</Latest>");
    buffer_text(&xml, "</BlockList>");
    enum status s = blob_block_list_parse(buffer_slice(&xml), &a, &l);
    buffer_clear(&xml);
    arena_clear(&a);
    return s;
}

static void takes_so_many_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(parse_many(BLOB_BLOCKS_MAX), OK);
    assert_int_equal(parse_many(BLOB_BLOCKS_MAX + 1), TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_sdks_write),
        cmocka_unit_test(refuses_every_prefix),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(takes_so_many_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
