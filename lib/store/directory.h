/* Directories that are still there when the power comes back. Blocks. */
#pragma once

#include "store/disk.h"

/* With its parents, and the names of those that it makes are on the disk then. OK when all were there already. */
CHECKED enum status store_directory_make(struct store_disk *d, const char *path);
