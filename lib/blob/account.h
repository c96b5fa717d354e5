/* The store's account: its name and its key, in a file that only the user can read. */
#pragma once

#include "blob/sas.h"

#define BLOB_ACCOUNT_NAME "millrace"

/* The key of the store in this folder; *key keeps its bytes. With `make` a random one is made when
 * there is none, else NOT_FOUND. IO_FAILED. */
CHECKED enum status blob_account_load(const char *directory, bool make, struct buffer *key,
                                      struct blob_account *out);
