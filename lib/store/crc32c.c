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
/*
 * The instruction takes three times as long as it takes to begin the next one, so three parts of the
 * bytes go through it side by side. A sum is moved over the parts behind it with a product without
 * carries: the instruction itself brings that back to 32 bits, and adds 33 to the power.
 */
#define MANY 4096 /* bytes of a part */
#define FEW 256
#define LINE 64 /* of a cache */

struct shift { /* x to the power of what moves a sum over so many bytes */
    uint32_t over_one, over_two;
};

static struct shift over_many, over_few;

static uint32_t power_of_x(unsigned n)
{
    uint32_t v = 0x80000000u;
    for (; n; n--)
        v = v >> 1 ^ (v & 1 ? POLYNOMIAL : 0);
    return v;
}

static struct shift shift_over(unsigned bytes)
{
    return (struct shift){power_of_x(8 * bytes - 33), power_of_x(16 * bytes - 33)};
}

__attribute__((target("sse4.2"))) static uint32_t one_after_the_other(uint32_t crc,
                                                                      const uint8_t *at,
                                                                      const uint8_t *end)
{
    uint64_t sum = crc;
    for (; end - at >= 8; at += 8)
        sum = __builtin_ia32_crc32di(sum, load_u64(at));
    for (; at < end; at++)
        sum = __builtin_ia32_crc32qi((uint32_t)sum, *at);
    return (uint32_t)sum;
}

typedef long long two_u64 __attribute__((vector_size(16)));

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t product(uint64_t sum, uint32_t power)
{
    two_u64 a = {(long long)sum}, b = {power};
    return (uint64_t)__builtin_ia32_pclmulqdq128(a, b, 0)[0];
}

/* What comes after these three parts: the processor looks ahead by itself within a page, not into those to come, and
 * large records have left the near caches. Half of the time was waiting. It may point behind the end. */
static inline void expect(const uint8_t *at, size_t part)
{
    uintptr_t next = (uintptr_t)at + 3 * part;
    __builtin_prefetch((const void *)next);
    __builtin_prefetch((const void *)(next + part));
    __builtin_prefetch((const void *)(next + 2 * part));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t three_parts(uint32_t crc,
                                                                     const uint8_t *at, size_t part,
                                                                     struct shift over)
{
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < part; i += 8) {
        if (i % LINE == 0)
            expect(at + i, part);
        a = __builtin_ia32_crc32di(a, load_u64(at + i));
        b = __builtin_ia32_crc32di(b, load_u64(at + part + i));
        c = __builtin_ia32_crc32di(c, load_u64(at + 2 * part + i));
    }
    uint64_t moved = product(a, over.over_two) ^ product(b, over.over_one);
    return (uint32_t)(c ^ __builtin_ia32_crc32di(0, moved));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t side_by_side(uint32_t seed, struct slice s)
{
    uint32_t crc = ~seed;
    const uint8_t *at = s.at, *end = s.at + s.len;
    for (; end - at >= 3 * MANY; at += 3 * MANY)
        crc = three_parts(crc, at, MANY, over_many);
    for (; end - at >= 3 * FEW; at += 3 * FEW)
        crc = three_parts(crc, at, FEW, over_few);
    return ~one_after_the_other(crc, at, end);
}

static void choose(void)
{
    over_many = shift_over(MANY);
    over_few = shift_over(FEW);
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul"))
        fastest = side_by_side;
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
