#include "store/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected */

/* tables[k][b]: byte b followed by k zero bytes. Filled before main(), read afterwards. */
static uint32_t tables[8][256];
static uint32_t (*fastest)(uint32_t, struct slice) = store_crc32c_plain;

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    return v;
}

static uint32_t eight_bytes(uint32_t crc, const uint8_t *at)
{
    uint64_t v = load_u64(at) ^ crc;
    uint32_t sum = 0;
    for (int i = 0; i < 8; i++)
        sum ^= tables[7 - i][v >> 8 * i & 0xff];
    return sum;
}

uint32_t store_crc32c_plain(uint32_t seed, struct slice s)
{
    uint32_t crc = ~seed;
    for (; s.len >= 8; s = slice_skip(s, 8))
        crc = eight_bytes(crc, s.at);
    for (size_t i = 0; i < s.len; i++)
        crc = crc >> 8 ^ tables[0][(crc ^ s.at[i]) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t sse42(uint32_t seed, struct slice s)
{
    uint64_t crc = ~seed;
    const uint8_t *at = s.at, *end = s.at + s.len;
    for (; end - at >= 8; at += 8)
        crc = __builtin_ia32_crc32di(crc, load_u64(at));
    for (; at < end; at++)
        crc = __builtin_ia32_crc32qi((uint32_t)crc, *at);
    return ~(uint32_t)crc;
}

static void choose(void)
{
    if (__builtin_cpu_supports("sse4.2"))
        fastest = sse42;
}
#else
static void choose(void)
{
}
#endif

__attribute__((constructor)) static void fill(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
    choose();
}

uint32_t store_crc32c(uint32_t seed, struct slice bytes)
{
    return fastest(seed, bytes);
}
