#include "pubsub/message_mark.h"

#include <sys/xattr.h>

#include "base/buffer.h"
#include "base/reader.h"
#include "pubsub/message_end.h"

#define NAME "user.millrace.begins"

void message_mark_set(int fd, off_t from, struct slice begins)
{
    struct buffer mark = {0};
    buffer_u64(&mark, (uint64_t)from);
    buffer_put(&mark, slice_first(begins, MESSAGE_MARK_BYTES));
    (void)fsetxattr(fd, NAME, mark.at, mark.len, 0); /* without it nothing is cut off */
    buffer_clear(&mark);
}

enum status message_mark_find(int fd, off_t size, off_t *from)
{
    uint8_t mark[8 + MESSAGE_MARK_BYTES], there[MESSAGE_MARK_BYTES];
    ssize_t len = fgetxattr(fd, NAME, mark, sizeof mark);
    struct reader r = reader_of(slice_from(mark, len > 0 ? (size_t)len : 0));
    off_t at = (off_t)reader_u64(&r);
    struct slice begins = reader_rest(&r);
    if (!reader_ok(&r) || at < 0 || at > size)
        return NOT_FOUND;
    size_t most = size - at < (off_t)begins.len ? (size_t)(size - at) : begins.len;
    bool ours = false;
    if (!message_end_read(fd, there, most, at))
        return IO_FAILED;
    ours = memcmp(there, begins.at, most) == 0;
    enum status s = ours ? OK : message_end_is_zero(fd, at, size, &ours);
    if (s == OK && !ours)
        s = NOT_FOUND;
    if (s == OK)
        *from = at;
    return s;
}
