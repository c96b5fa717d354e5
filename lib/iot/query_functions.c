#include "iot/query_functions.h"

#include <math.h>
#include <stdlib.h>

#define ARGUMENTS_MAX 1000 /* more than a query can hold */

static bool is(const struct iot_value *v, enum iot_value_type type)
{
    return v->type == type;
}

/* ---- numbers ---- */

#define MATH(name, expression)                                                                     \
    static struct iot_value name(struct arena *a, const struct iot_value *v, size_t n)             \
    {                                                                                              \
        (void)a, (void)n;                                                                          \
        double x = v[0].number;                                                                    \
        return is(&v[0], IOT_VALUE_NUMBER) ? iot_value_number(expression) : iot_value_undefined(); \
    }

MATH(absolute, fabs(x))
MATH(exponential, exp(x))
MATH(square, x *x)
MATH(ceiling, ceil(x))
MATH(floor_of, floor(x))
MATH(sign, (x > 0) - (x < 0))
MATH(square_root, sqrt(x))

static struct iot_value power(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    if (!is(&v[0], IOT_VALUE_NUMBER) || !is(&v[1], IOT_VALUE_NUMBER))
        return iot_value_undefined();
    return iot_value_number(pow(v[0].number, v[1].number));
}

/* Decimal as in JSON, with a plus and white space around it allowed; no "inf", no "0x10". */
static struct iot_value as_number(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)n;
    if (is(&v[0], IOT_VALUE_NUMBER))
        return v[0];
    struct slice text = slice_trim(v[0].text);
    if (!is(&v[0], IOT_VALUE_STRING) || text.len == 0)
        return iot_value_undefined();
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == 0 || !strchr("0123456789+-.eE", text.at[i]))
            return iot_value_undefined();
    char *end;
    const char *digits = arena_text(a, text);
    double number = strtod(digits, &end);
    return *end ? iot_value_undefined() : iot_value_number(number);
}

/* ---- types: these have an answer for what is undefined, too ---- */

#define TYPE(name, expression)                                                                     \
    static struct iot_value name(struct arena *a, const struct iot_value *v, size_t n)             \
    {                                                                                              \
        (void)a, (void)n;                                                                          \
        enum iot_value_type t = v[0].type;                                                         \
        return iot_value_bool(expression);                                                         \
    }

TYPE(is_defined, t != IOT_VALUE_UNDEFINED)
TYPE(is_null, t == IOT_VALUE_NULL)
TYPE(is_bool, t == IOT_VALUE_BOOL)
TYPE(is_number, t == IOT_VALUE_NUMBER)
TYPE(is_string, t == IOT_VALUE_STRING)
TYPE(is_array, t == IOT_VALUE_ARRAY)
TYPE(is_object, t == IOT_VALUE_OBJECT)
TYPE(is_primitive, t >= IOT_VALUE_NULL && t <= IOT_VALUE_STRING)

/* ---- texts: counted in characters, cased in ASCII ---- */

static bool is_start(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

static size_t characters(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += is_start(s.at[i]);
    return n;
}

/* The byte at which the character number `at` begins; s.len behind the end. */
static size_t byte_of(struct slice s, size_t at)
{
    for (size_t i = 0; i < s.len; i++)
        if (is_start(s.at[i]) && at-- == 0)
            return i;
    return s.len;
}

static struct iot_value concat(struct arena *a, const struct iot_value *v, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is(&v[i], IOT_VALUE_STRING))
            return iot_value_undefined();
        len += v[i].text.len;
    }
    if (len > IOT_QUERY_MADE_TEXT_MAX)
        return iot_value_undefined();
    uint8_t *out = arena_take(a, len + 1);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (v[i].text.len)
            memcpy(out + at, v[i].text.at, v[i].text.len);
        at += v[i].text.len;
    }
    return iot_value_string(slice_from(out, len));
}

static struct iot_value length(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    return is(&v[0], IOT_VALUE_STRING) ? iot_value_number((double)characters(v[0].text))
                                       : iot_value_undefined();
}

static struct iot_value in_case(struct arena *a, const struct iot_value *v, uint8_t first)
{
    if (!is(v, IOT_VALUE_STRING) || v->text.len > IOT_QUERY_MADE_TEXT_MAX)
        return iot_value_undefined();
    uint8_t *out = arena_take(a, v->text.len + 1);
    for (size_t i = 0; i < v->text.len; i++) {
        uint8_t c = v->text.at[i];
        out[i] = c >= first && c < first + 26 ? c ^ 0x20 : c;
    }
    return iot_value_string(slice_from(out, v->text.len));
}

static struct iot_value lower(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)n;
    return in_case(a, v, 'A');
}

static struct iot_value upper(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)n;
    return in_case(a, v, 'a');
}

/* A position or a length; what is beyond any text is at its end. */
static bool count_of(const struct iot_value *v, size_t *out)
{
    if (!is(v, IOT_VALUE_NUMBER) || v->number < 0 || v->number != floor(v->number))
        return false;
    *out = v->number > 1e9 ? 1000000000 : (size_t)v->number;
    return true;
}

static struct iot_value substring(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a;
    size_t start, count = 1000000000;
    if (!is(&v[0], IOT_VALUE_STRING) || !count_of(&v[1], &start) ||
        (n == 3 && !count_of(&v[2], &count)))
        return iot_value_undefined();
    struct slice rest = slice_skip(v[0].text, byte_of(v[0].text, start));
    return iot_value_string(slice_first(rest, byte_of(rest, count)));
}

static bool two_texts(const struct iot_value *v)
{
    return is(&v[0], IOT_VALUE_STRING) && is(&v[1], IOT_VALUE_STRING);
}

static bool found(const struct iot_value *v, size_t *at)
{
    *at = v[1].text.len ? slice_find_slice(v[0].text, v[1].text) : 0;
    return v[1].text.len == 0 || *at < v[0].text.len;
}

static struct iot_value index_of(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    size_t at;
    if (!two_texts(v))
        return iot_value_undefined();
    return iot_value_number(found(v, &at) ? (double)characters(slice_first(v[0].text, at)) : -1);
}

static struct iot_value contains(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    size_t at;
    return two_texts(v) ? iot_value_bool(found(v, &at)) : iot_value_undefined();
}

static struct iot_value starts_with(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    return two_texts(v) ? iot_value_bool(slice_starts(v[0].text, v[1].text))
                        : iot_value_undefined();
}

static struct iot_value ends_with(struct arena *a, const struct iot_value *v, size_t n)
{
    (void)a, (void)n;
    return two_texts(v) ? iot_value_bool(slice_ends(v[0].text, v[1].text)) : iot_value_undefined();
}

/* clang-format off */
static const struct iot_query_function functions[] = {
    {"ABS",          1, 1, absolute},
    {"AS_NUMBER",    1, 1, as_number},
    {"CEILING",      1, 1, ceiling},
    {"CONCAT",       2, ARGUMENTS_MAX, concat},
    {"CONTAINS",     2, 2, contains},
    {"ENDS_WITH",    2, 2, ends_with},
    {"ENDSWITH",     2, 2, ends_with}, /* as it is spelled in queries for twins */
    {"EXP",          1, 1, exponential},
    {"FLOOR",        1, 1, floor_of},
    {"INDEX_OF",     2, 2, index_of},
    {"IS_ARRAY",     1, 1, is_array},
    {"IS_BOOL",      1, 1, is_bool},
    {"IS_DEFINED",   1, 1, is_defined},
    {"IS_NULL",      1, 1, is_null},
    {"IS_NUMBER",    1, 1, is_number},
    {"IS_OBJECT",    1, 1, is_object},
    {"IS_PRIMITIVE", 1, 1, is_primitive},
    {"IS_STRING",    1, 1, is_string},
    {"LENGTH",       1, 1, length},
    {"LOWER",        1, 1, lower},
    {"POWER",        2, 2, power},
    {"SIGN",         1, 1, sign},
    {"SQRT",         1, 1, square_root},
    {"SQUARE",       1, 1, square},
    {"STARTS_WITH",  2, 2, starts_with},
    {"STARTSWITH",   2, 2, starts_with},
    {"SUBSTRING",    2, 3, substring},
    {"UPPER",        1, 1, upper},
};
/* clang-format on */

const struct iot_query_function *iot_query_function(struct slice name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (slice_eq_nocase(name, slice_of(functions[i].name)))
            return &functions[i];
    return NULL;
}
