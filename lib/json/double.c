/*
 * The shortest decimal between the two neighbours of a binary number, and among those the closest:
 * Raffaello Giulietti's Schubfach ("The Schubfach way to render doubles", 2020). One multiplication
 * by a power of ten for the number and each end of the interval that rounds to it; whether the
 * product was exact is kept in its last bit ("rounded to odd"), so comparisons are exact.
 */
#include "json/write.h"

#include "json/powers_of_ten.h"

struct decimal {
    uint64_t digits;
    int exponent; /* digits * 10^exponent */
};

/* A binary number c * 2^q, and the size of what rounds to it. */
struct binary {
    uint64_t c;
    int q;
    bool lower_is_closer; /* a power of two: the neighbour below is half as far */
};

static int floor_log10_pow2(int q)
{
    return (int)(((int64_t)q * 1262611) >> 22);
}

static int floor_log10_three_quarters_pow2(int q)
{
    return (int)(((int64_t)q * 1262611 - 524031) >> 22);
}

static int floor_log2_pow10(int e)
{
    return (int)(((int64_t)e * 1741647) >> 19);
}

static uint64_t multiply_to_odd(struct json_power g, uint64_t c)
{
    unsigned __int128 low = (unsigned __int128)g.low * c;
    unsigned __int128 high = (unsigned __int128)g.high * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1); /* 1 may be the table's rounding */
}

static struct decimal shortest(struct binary b)
{
    int k = b.lower_is_closer ? floor_log10_three_quarters_pow2(b.q) : floor_log10_pow2(b.q);
    int shift = b.q + floor_log2_pow10(-k) + 1;
    struct json_power g = json_powers_of_ten[-k - JSON_POWER_MIN];
    /* All in quarters of a unit of the last digit. */
    uint64_t low = multiply_to_odd(g, (4 * b.c - 2 + b.lower_is_closer) << shift);
    uint64_t value = multiply_to_odd(g, (4 * b.c) << shift);
    uint64_t high = multiply_to_odd(g, (4 * b.c + 2) << shift);
    uint64_t odd = b.c & 1; /* the ends themselves round to an even number only */
    low += odd;
    high -= odd;

    uint64_t s = value / 4;
    if (s >= 10) { /* one digit less? */
        uint64_t tens = s / 10 * 10;
        bool down = low <= 4 * tens, up = 4 * (tens + 10) <= high;
        if (down != up)
            return (struct decimal){tens / 10 + up, k + 1};
    }
    bool down = low <= 4 * s, up = 4 * (s + 1) <= high;
    if (down != up)
        return (struct decimal){s + up, k};
    uint64_t middle = 4 * s + 2;
    bool round_up = value > middle || (value == middle && (s & 1));
    return (struct decimal){s + round_up, k};
}

static struct decimal without_zeros(struct decimal d)
{
    while (d.digits % 100000000 == 0) {
        d.digits /= 100000000;
        d.exponent += 8;
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

/* Right-aligned in text; returns how many. */
static unsigned print_digits(uint64_t v, char text[20])
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    char *at = text + 20;
    for (; v >= 100; v /= 100)
        memcpy(at -= 2, pairs + v % 100 * 2, 2);
    if (v >= 10)
        memcpy(at -= 2, pairs + v * 2, 2);
    else
        *--at = (char)('0' + v);
    return (unsigned)(text + 20 - at);
}

static char *fill_zeros(char *at, int n)
{
    memset(at, '0', (size_t)n);
    return at + n;
}

static char *copy(char *at, const char *digits, int n)
{
    memcpy(at, digits, (size_t)n);
    return at + n;
}

static char *print_exponent(char *at, int e)
{
    *at++ = 'e';
    *at++ = e < 0 ? '-' : '+';
    char text[20];
    unsigned n = print_digits((uint64_t)(e < 0 ? -e : e), text);
    return copy(at, text + 20 - n, (int)n);
}

/* Where the point stands decides the form, as in JavaScript: 1e21 and 1e-7 are the first with an
 * exponent. */
static char *print_decimal(char *at, struct decimal d)
{
    char text[20];
    int n = (int)print_digits(d.digits, text);
    const char *digits = text + 20 - n;
    int point = n + d.exponent;
    if (n <= point && point <= 21)
        return fill_zeros(copy(at, digits, n), point - n);
    if (0 < point && point <= 21) {
        at = copy(at, digits, point);
        *at++ = '.';
        return copy(at, digits + point, n - point);
    }
    if (-6 < point && point <= 0) {
        at = fill_zeros(copy(at, "0.", 2), -point);
        return copy(at, digits, n);
    }
    *at++ = *digits;
    if (n > 1) {
        *at++ = '.';
        at = copy(at, digits + 1, n - 1);
    }
    return print_exponent(at, point - 1);
}

static size_t print(bool negative, struct binary b, char out[32])
{
    char *at = out;
    if (negative)
        *at++ = '-';
    if (b.c == 0) {
        at = copy(at, negative ? "0.0" : "0", negative ? 3 : 1); /* "-0" reads back as an integer */
        return (size_t)(at - out);
    }
    bool whole = b.q <= 0 && b.q > -53 && (b.c & ((1ull << -b.q) - 1)) == 0;
    struct decimal d = whole ? (struct decimal){b.c >> -b.q, 0} : without_zeros(shortest(b));
    at = print_decimal(at, d);
    return (size_t)(at - out);
}

size_t json_print_double(double v, char out[32])
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    uint64_t fraction = bits & 0xfffffffffffff;
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (exponent == 0x7ff) /* no number in JSON; json_put_double() does not come here */
        return (size_t)(copy(out, "null", 4) - out);
    struct binary b = {fraction, 1 - 1075, false};
    if (exponent > 0)
        b = (struct binary){fraction | 1ull << 52, exponent - 1075, fraction == 0 && exponent > 1};
    return print(bits >> 63, b, out);
}

size_t json_print_float(float v, char out[32])
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    uint32_t fraction = bits & 0x7fffff;
    int exponent = (int)(bits >> 23 & 0xff);
    if (exponent == 0xff)
        return (size_t)(copy(out, "null", 4) - out);
    struct binary b = {fraction, 1 - 150, false};
    if (exponent > 0)
        b = (struct binary){fraction | 1u << 23, exponent - 150, fraction == 0 && exponent > 1};
    return print(bits >> 31, b, out);
}
