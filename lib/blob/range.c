#include "blob/range.h"

static enum status suffix(struct slice digits, uint64_t blob_bytes, struct blob_range *out)
{
    uint64_t len;
    if (!slice_to_u64(digits, &len))
        return BAD_FORMAT;
    if (len == 0 || blob_bytes == 0)
        return BAD_ARGUMENT;
    len = len < blob_bytes ? len : blob_bytes;
    *out = (struct blob_range){blob_bytes - len, len};
    return OK;
}

enum status blob_range_parse(struct slice header, uint64_t blob_bytes, struct blob_range *out)
{
    struct slice unit = SLICE("bytes=");
    uint64_t first, last;
    if (!slice_eq_nocase(slice_first(header, unit.len), unit) ||
        slice_find(header, ',') < header.len)
        return NOT_FOUND;
    struct slice spec = slice_trim(slice_skip(header, unit.len));
    size_t dash = slice_find(spec, '-');
    if (dash == spec.len)
        return BAD_FORMAT;
    struct slice end = slice_skip(spec, dash + 1);
    if (dash == 0)
        return suffix(end, blob_bytes, out);
    if (!slice_to_u64(slice_first(spec, dash), &first))
        return BAD_FORMAT;
    if (end.len == 0)
        last = UINT64_MAX;
    else if (!slice_to_u64(end, &last) || last < first)
        return BAD_FORMAT;
    if (first >= blob_bytes)
        return BAD_ARGUMENT;
    last = last < blob_bytes ? last : blob_bytes - 1;
    *out = (struct blob_range){first, last - first + 1};
    return OK;
}
