#include "json/write.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"

static void is_printed(double v, const char *want)
{
    char text[33];
    text[json_print_double(v, text)] = 0;
    assert_string_equal(text, want);
}

static void known_numbers_have_their_known_text(void **state)
{
    (void)state;
    is_printed(0, "0");
    is_printed(-0.0, "-0.0");
    is_printed(1, "1");
    is_printed(-1, "-1");
    is_printed(0.1, "0.1");
    is_printed(0.1 + 0.2, "0.30000000000000004");
    is_printed(1.0 / 3, "0.3333333333333333");
    is_printed(100, "100");
    is_printed(123456789.125, "123456789.125");
    is_printed(9007199254740993.0, "9007199254740992");
    is_printed(1e20, "100000000000000000000");
    is_printed(123456789012345680000.0, "123456789012345680000");
    is_printed(1e21, "1e+21");
    is_printed(1e22, "1e+22");
    is_printed(1e23, "1e+23");
    is_printed(9.5e-7, "9.5e-7");
    is_printed(0.000001, "0.000001");
    is_printed(-1.2345678901234567e-6, "-0.0000012345678901234567");
    is_printed(DBL_MAX, "1.7976931348623157e+308");
    is_printed(DBL_MIN, "2.2250738585072014e-308");
    is_printed(5e-324, "5e-324");
    is_printed(9007199254740991.0 * 2, "18014398509481982");
    is_printed(2e-44, "2e-44");
    is_printed(4.35, "4.35");
    is_printed(0x1p-1074 * 3, "1.5e-323");
}

/* A multiplicative generator: the same numbers in every run. */
static uint64_t next_random(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15u;
    uint64_t z = *seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int digits_in(const char *text)
{
    char digits[32];
    int n = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (n || *text != '0'))
            digits[n++] = *text;
    while (n > 0 && digits[n - 1] == '0')
        n--;
    return n;
}

static void check_double(double v)
{
    char text[33], other[40];
    text[json_print_double(v, text)] = 0;
    if (strtod(text, NULL) != v)
        fail_msg("%a is printed as %s", v, text);
    int n = digits_in(text);
    snprintf(other, sizeof(other), "%.*e", n > 1 ? n - 2 : 0, v);
    if (n > 1 && strtod(other, NULL) == v)
        fail_msg("%s is shorter than %s", other, text);
    snprintf(other, sizeof(other), "%.*e", n > 1 ? n - 1 : 0,
             v); /* and no closer one of that length */
    if (n && strtod(other, NULL) == v && fabs(v) > DBL_MIN && fabs(v) < DBL_MAX) {
        char ours[40];
        snprintf(ours, sizeof(ours), "%.*e", n > 1 ? n - 1 : 0, strtod(text, NULL));
        assert_string_equal(ours, other);
    }
}

static void random_doubles_read_back_and_nothing_is_shorter(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int n = 0; n < 200000; n++) {
        uint64_t bits = next_random(&seed);
        double v;
        memcpy(&v, &bits, 8);
        if (isfinite(v))
            check_double(v);
        check_double((double)(int64_t)(bits % 2000000000) / 1000); /* what sensors give */
    }
}

/* The next double away from zero, or towards it. */
static double neighbour(double v, int step)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    bits += (uint64_t)(int64_t)step;
    memcpy(&v, &bits, 8);
    return v;
}

static void check_with_neighbours(double v)
{
    check_double(v);
    check_double(neighbour(v, -1));
    if (isfinite(neighbour(v, 1)))
        check_double(neighbour(v, 1));
}

static void powers_and_their_neighbours_read_back(void **state)
{
    (void)state;
    for (int bit = 0; bit < 31; bit++)
        check_with_neighbours(neighbour(0, 1 << bit)); /* without an exponent */
    for (uint64_t exponent = 1; exponent < 0x7ff; exponent++) {
        uint64_t bits = exponent << 52;
        double v;
        memcpy(&v, &bits, 8);
        check_with_neighbours(v);
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof(text), "1e%d", e);
        check_with_neighbours(strtod(text, NULL));
    }
}

static void random_floats_read_back_as_floats(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int n = 0; n < 200000; n++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        float v;
        memcpy(&v, &bits, 4);
        if (!isfinite(v))
            continue;
        char text[33], other[40];
        text[json_print_float(v, text)] = 0;
        if (strtof(text, NULL) != v)
            fail_msg("%a is printed as %s", (double)v, text);
        int d = digits_in(text);
        snprintf(other, sizeof(other), "%.*e", d > 1 ? d - 2 : 0, (double)v);
        if (d > 1 && strtof(other, NULL) == v)
            fail_msg("%s is shorter than %s", other, text);
    }
    char text[33];
    text[json_print_float(0.1f, text)] = 0;
    assert_string_equal(text, "0.1");
    text[json_print_float(16777216.0f, text)] = 0;
    assert_string_equal(text, "16777216");
    text[json_print_float(FLT_MAX, text)] = 0;
    assert_string_equal(text, "3.4028235e+38");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers_have_their_known_text),
        cmocka_unit_test(random_doubles_read_back_and_nothing_is_shorter),
        cmocka_unit_test(powers_and_their_neighbours_read_back),
        cmocka_unit_test(random_floats_read_back_as_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
