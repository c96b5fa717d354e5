/*
 * Names of containers and blobs, as Azure Storage allows them. They are data here: no name ever
 * becomes a path on the disk (store.h numbers its files). Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

#define BLOB_CONTAINER_MIN 3
#define BLOB_CONTAINER_MAX 63
#define BLOB_NAME_MAX 1024 /* bytes; Azure counts characters */

/* Lower-case letters, digits and single hyphens between them; "$root", "$web" and "$logs" too. */
bool blob_container_name_ok(struct slice name);

/* 1 to BLOB_NAME_MAX bytes of UTF-8 without control characters. */
bool blob_name_ok(struct slice name);
