#include "store/directory.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

/* The directory that keeps its name. `path` is ours to cut. */
static enum status sync_parent(struct store_disk *d, char *path)
{
    char *last = strrchr(path, '/');
    if (last == NULL)
        return d->ops->sync_directory(d, ".");
    if (last == path)
        return d->ops->sync_directory(d, "/");
    *last = 0;
    enum status s = d->ops->sync_directory(d, path);
    *last = '/';
    return s;
}

/* One that was there may have been made by a start that did not come to its sync. More often it is somebody else's, who
 * may not let us. */
static void sync_again(struct store_disk *d, char *path)
{
    if (sync_parent(d, path) != OK)
        log_debug("name of a directory not synced path=%s", path);
}

/* And with a new one the name of that which it lies in: a start that ended before its sync made nothing in it. */
static enum status make_one(struct store_disk *d, char *path)
{
    enum status s = d->ops->make_directory(d, path);
    if (s != OK)
        return s;
    s = sync_parent(d, path);
    char *last = strrchr(path, '/');
    if (s == OK && last && last != path) {
        *last = 0;
        sync_again(d, path);
        *last = '/';
    }
    return s == UNSUPPORTED ? OK : s; /* that is left to the file system */
}

enum status store_directory_make(struct store_disk *d, const char *path)
{
    char *parent = memory_text(path);
    enum status s = OK;
    for (char *p = parent + 1; (s == OK || s == EXISTS) && *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        s = make_one(d, parent);
        *p = '/';
    }
    if (s == OK || s == EXISTS)
        s = make_one(d, parent);
    if (s == EXISTS)
        sync_again(d, parent);
    free(parent);
    return s == EXISTS ? OK : s;
}
