#include "crypto/random.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

void crypto_random(void *out, size_t len)
{
    if (RAND_bytes_ex(NULL, out, len, 0) != 1) {
        fprintf(stderr, "no random numbers can be had from the machine\n");
        abort();
    }
}
