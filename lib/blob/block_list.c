#include "blob/block_list.h"

#include "base/encoding.h"

bool blob_block_id_ok(struct slice id)
{
    struct buffer bytes = {0};
    bool ok = id.len > 0 && id.len <= BLOB_BLOCK_ID_MAX && base64_decode(id, &bytes) == OK &&
              bytes.len > 0 && bytes.len <= 64;
    buffer_clear(&bytes);
    return ok;
}

/* ---- the few forms of XML that clients write: a prolog, comments, elements without attributes
 * that matter ---- */

static void skip_blanks(struct slice *s)
{
    while (s->len > 0 && strchr(" \t\r\n", s->at[0]) && s->at[0])
        *s = slice_skip(*s, 1);
}

static bool skip_past(struct slice *s, struct slice end)
{
    size_t at = slice_find_slice(*s, end);
    if (at == s->len)
        return false;
    *s = slice_skip(*s, at + end.len);
    return true;
}

/* Blanks, "<?…?>" and comments. */
static bool skip_misc(struct slice *s)
{
    for (;;) {
        skip_blanks(s);
        if (slice_starts(*s, SLICE("<?"))) {
            if (!skip_past(s, SLICE("?>")))
                return false;
        } else if (slice_starts(*s, SLICE("<!--"))) {
            if (!skip_past(s, SLICE("-->")))
                return false;
        } else {
            return true;
        }
    }
}

struct tag {
    struct slice name;
    bool ends;  /* </name> */
    bool empty; /* <name/> */
};

static bool read_tag(struct slice *s, struct tag *out)
{
    if (!slice_starts(*s, SLICE("<")))
        return false;
    size_t close = slice_find(*s, '>');
    if (close == s->len)
        return false;
    struct slice inner = slice_first(slice_skip(*s, 1), close - 1);
    *out = (struct tag){.ends = slice_starts(inner, SLICE("/")),
                        .empty = slice_ends(inner, SLICE("/"))};
    inner = slice_skip(inner, out->ends);
    inner = slice_first(inner, inner.len - (out->empty && inner.len > 0));
    size_t len = 0;
    while (len < inner.len && inner.at[len] && strchr(" \t\r\n", inner.at[len]) == NULL)
        len++;
    out->name = slice_first(inner, len);
    *s = slice_skip(*s, close + 1);
    return out->name.len > 0 && !(out->ends && out->empty);
}

static bool read_from(struct slice name, enum blob_block_from *out)
{
    static const struct slice names[] = {SLICE_INIT("Committed"), SLICE_INIT("Uncommitted"),
                                         SLICE_INIT("Latest")};
    for (int i = 0; i < 3; i++)
        if (slice_eq(name, names[i])) {
            *out = (enum blob_block_from)i;
            return true;
        }
    return false;
}

/* Up to </BlockList>. */
static enum status read_names(struct slice *s, size_t cap, struct blob_block_list *out)
{
    for (;;) {
        struct tag open, close;
        if (!skip_misc(s) || !read_tag(s, &open))
            return BAD_FORMAT;
        if (open.ends)
            return slice_eq(open.name, SLICE("BlockList")) ? OK : BAD_FORMAT;
        struct blob_block_name n;
        if (open.empty || !read_from(open.name, &n.from))
            return BAD_FORMAT;
        size_t len = slice_find(*s, '<');
        n.id = slice_trim(slice_first(*s, len));
        *s = slice_skip(*s, len);
        if (!read_tag(s, &close) || !close.ends || !slice_eq(close.name, open.name))
            return BAD_FORMAT;
        if (!blob_block_id_ok(n.id))
            return BAD_ARGUMENT;
        if (out->count == cap)
            return TOO_LARGE;
        out->names[out->count++] = n;
    }
}

/* No element is shorter than "<Latest>AA==</Latest>". */
#define ELEMENT_BYTES_MIN 21

enum status blob_block_list_parse(struct slice xml, struct arena *a, struct blob_block_list *out)
{
    struct slice s = xml;
    struct tag root;
    if (slice_starts(s, SLICE("\xef\xbb\xbf")))
        s = slice_skip(s, 3);
    if (!skip_misc(&s) || !read_tag(&s, &root) || root.ends ||
        !slice_eq(root.name, SLICE("BlockList")))
        return BAD_FORMAT;
    size_t cap = s.len / ELEMENT_BYTES_MIN + 1;
    struct blob_block_list list = {0};
    cap = cap < BLOB_BLOCKS_MAX ? cap : BLOB_BLOCKS_MAX;
    list.names = ARENA_TAKE_N(a, struct blob_block_name, cap);
    enum status status = root.empty ? OK : read_names(&s, cap, &list);
    if (status != OK)
        return status;
    if (!skip_misc(&s) || s.len > 0)
        return BAD_FORMAT;
    *out = list;
    return OK;
}
