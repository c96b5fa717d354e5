/* Random bytes that nobody can guess, for keys and ids. Safe from any thread; never fails: without
 * it the program stops. */
#pragma once

#include <stddef.h>

void crypto_random(void *out, size_t len);
