#include "store/directory.h"

#include <stdlib.h>

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

/* One that is there may have been made by a start that did not come to its sync. */
static enum status make_one(struct store_disk *d, char *path)
{
    enum status s = d->ops->make_directory(d, path);
    if (s == OK || s == EXISTS)
        s = sync_parent(d, path);
    return s == UNSUPPORTED ? OK : s; /* that is left to the file system */
}

enum status store_directory_make(struct store_disk *d, const char *path)
{
    char *parent = memory_text(path);
    enum status s = OK;
    for (char *p = parent + 1; s == OK && *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        s = make_one(d, parent);
        *p = '/';
    }
    if (s == OK)
        s = make_one(d, parent);
    free(parent);
    return s;
}
