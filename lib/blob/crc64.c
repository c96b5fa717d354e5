#include "blob/crc64.h"

#include <pthread.h>

#define POLYNOMIAL 0x9a6c9329ac4bc9b5u /* reflected */

/* tables[n][b]: what a byte b does that stands n bytes before the end. */
static uint64_t tables[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make(void)
{
    for (unsigned b = 0; b < 256; b++) {
        uint64_t v = b;
        for (int bit = 0; bit < 8; bit++)
            v = v >> 1 ^ (v & 1 ? POLYNOMIAL : 0);
        tables[0][b] = v;
    }
    for (int n = 1; n < 8; n++)
        for (unsigned b = 0; b < 256; b++)
            tables[n][b] = tables[n - 1][b] >> 8 ^ tables[0][tables[n - 1][b] & 0xff];
}

uint64_t blob_crc64(uint64_t crc, struct slice bytes)
{
    pthread_once(&made, make);
    crc = ~crc;
    for (; bytes.len >= 8; bytes = slice_skip(bytes, 8)) {
        uint64_t word;
        memcpy(&word, bytes.at, 8); /* little-endian, as every machine this runs on */
        word ^= crc;
        crc = 0;
        for (int n = 0; n < 8; n++)
            crc ^= tables[7 - n][word >> (8 * n) & 0xff];
    }
    for (size_t i = 0; i < bytes.len; i++)
        crc = crc >> 8 ^ tables[0][(crc ^ bytes.at[i]) & 0xff];
    return ~crc;
}
