#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#include "base/reader.h"

uint64_t clock_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static char *put_digits(char *at, unsigned v, int digits)
{
    for (int i = digits; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    return at + digits;
}

static char *put_part(char *at, int v, char behind)
{
    at = put_digits(at, (unsigned)v, 2);
    *at++ = behind;
    return at;
}

/* Every document has several of them: snprintf takes ten times as long. */
static size_t print(uint64_t seconds, unsigned fraction, int digits, char out[CLOCK_ISO8601_MAX])
{
    time_t at = (time_t)seconds;
    struct tm d;
    if (gmtime_r(&at, &d) == NULL || d.tm_year + 1900 > 9999)
        return (size_t)snprintf(out, CLOCK_ISO8601_MAX, "9999-12-31T23:59:59Z");
    char *end = put_digits(out, (unsigned)d.tm_year + 1900, 4);
    *end++ = '-';
    end = put_part(end, d.tm_mon + 1, '-');
    end = put_part(end, d.tm_mday, 'T');
    end = put_part(end, d.tm_hour, ':');
    end = put_part(end, d.tm_min, ':');
    end = put_part(end, d.tm_sec, '.');
    end = put_digits(end, fraction, digits);
    *end++ = 'Z';
    *end = 0;
    return (size_t)(end - out);
}

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Not strftime, which speaks the locale's language. */
size_t clock_http_date(uint64_t wall_ms, char out[CLOCK_ISO8601_MAX])
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm d;
    if (gmtime_r(&at, &d) == NULL || d.tm_year + 1900 > 9999)
        return (size_t)snprintf(out, CLOCK_ISO8601_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    return (size_t)snprintf(out, CLOCK_ISO8601_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                            day_names[d.tm_wday], d.tm_mday, month_names[d.tm_mon], (d.tm_year + 1900) % 10000,
                            d.tm_hour, d.tm_min, d.tm_sec);
}

size_t clock_iso8601(uint64_t wall_ms, char out[CLOCK_ISO8601_MAX])
{
    return print(wall_ms / 1000, (unsigned)(wall_ms % 1000), 3, out);
}

size_t clock_iso8601_ticks(uint64_t ticks, char out[CLOCK_ISO8601_MAX])
{
    return print(ticks / 10000000, (unsigned)(ticks % 10000000), 7, out);
}

static unsigned number(struct reader *r, size_t digits)
{
    struct slice s = reader_bytes(r, digits);
    uint64_t n = 0;
    if (!slice_to_u64(s, &n))
        r->failed = true;
    return (unsigned)n;
}

static void expect(struct reader *r, const char *any_of)
{
    uint8_t c = reader_u8(r);
    if (c == 0 || strchr(any_of, c) == NULL)
        r->failed = true;
}

/* The digits behind a point, in milliseconds. */
static unsigned fraction_ms(struct reader *r)
{
    unsigned ms = 0, weight = 100, digits = 0;
    while (!r->failed && r->rest.len && r->rest.at[0] >= '0' && r->rest.at[0] <= '9') {
        ms += (reader_u8(r) - '0') * weight;
        weight /= 10;
        digits++;
    }
    if (digits == 0)
        r->failed = true;
    return ms;
}

bool clock_parse_http_date(struct slice text, uint64_t *wall_ms)
{
    struct reader r = reader_of(text);
    struct tm d = {.tm_mon = -1};
    reader_bytes(&r, sizeof("Sun, ") - 1);
    d.tm_mday = (int)number(&r, 2);
    expect(&r, " ");
    struct slice month = reader_bytes(&r, 3);
    expect(&r, " ");
    d.tm_year = (int)number(&r, 4) - 1900;
    expect(&r, " ");
    d.tm_hour = (int)number(&r, 2);
    expect(&r, ":");
    d.tm_min = (int)number(&r, 2);
    expect(&r, ":");
    d.tm_sec = (int)number(&r, 2);
    bool zone = slice_eq(reader_rest(&r), SLICE(" GMT"));
    for (int m = 0; m < 12; m++)
        if (slice_eq(month, slice_of(month_names[m])))
            d.tm_mon = m;
    if (!reader_ok(&r) || !zone || d.tm_mon < 0 || d.tm_year < 70 || d.tm_mday < 1 || d.tm_mday > 31 ||
        d.tm_hour > 23 || d.tm_min > 59 || d.tm_sec > 60)
        return false;
    *wall_ms = (uint64_t)timegm(&d) * 1000;
    return true;
}

bool clock_parse_iso8601(struct slice text, uint64_t *wall_ms)
{
    struct reader r = reader_of(text);
    struct tm d = {0};
    d.tm_year = (int)number(&r, 4) - 1900;
    expect(&r, "-");
    d.tm_mon = (int)number(&r, 2) - 1;
    expect(&r, "-");
    d.tm_mday = (int)number(&r, 2);
    expect(&r, "Tt ");
    d.tm_hour = (int)number(&r, 2);
    expect(&r, ":");
    d.tm_min = (int)number(&r, 2);
    expect(&r, ":");
    d.tm_sec = (int)number(&r, 2);
    unsigned ms = 0;
    if (r.rest.len && r.rest.at[0] == '.') {
        reader_u8(&r);
        ms = fraction_ms(&r);
    }
    int64_t offset_s = 0;
    if (r.rest.len && !r.failed) {
        uint8_t c = reader_u8(&r);
        if (c == '+' || c == '-') {
            offset_s = (int64_t)number(&r, 2) * 3600;
            expect(&r, ":");
            offset_s += (int64_t)number(&r, 2) * 60;
            offset_s = c == '-' ? -offset_s : offset_s;
        } else if (c != 'Z' && c != 'z') {
            return false;
        }
    }
    if (!reader_done(&r) || d.tm_mon > 11 || d.tm_mon < 0 || d.tm_mday < 1 || d.tm_mday > 31 ||
        d.tm_hour > 24 || d.tm_min > 59 || d.tm_sec > 60)
        return false;
    int64_t s = (int64_t)timegm(&d) - offset_s;
    if (s < 0)
        s = 0; /* .NET's "never", year 1 */
    *wall_ms = (uint64_t)s * 1000 + ms;
    return true;
}

size_t clock_timespan(uint64_t ms, char out[CLOCK_TIMESPAN_MAX])
{
    uint64_t s = ms / 1000, days = s / 86400;
    int n = days ? snprintf(out, CLOCK_TIMESPAN_MAX, "%llu.", (unsigned long long)days) : 0;
    n += snprintf(out + n, CLOCK_TIMESPAN_MAX - (size_t)n, "%02u:%02u:%02u.%03u0000",
                  (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60), (unsigned)(s % 60),
                  (unsigned)(ms % 1000));
    return (size_t)n;
}

bool clock_parse_timespan(struct slice text, uint64_t *ms)
{
    uint64_t days = 0;
    size_t dot = slice_find(text, '.'), colon = slice_find(text, ':');
    if (dot < colon && dot < text.len) {
        if (!slice_to_u64(slice_first(text, dot), &days) || days > 36500)
            return false;
        text = slice_skip(text, dot + 1);
    }
    struct reader r = reader_of(text);
    uint64_t h = number(&r, 2);
    expect(&r, ":");
    uint64_t m = number(&r, 2);
    uint64_t s = 0;
    unsigned fraction = 0;
    if (r.rest.len) {
        expect(&r, ":");
        s = number(&r, 2);
        if (r.rest.len) {
            expect(&r, ".");
            fraction = fraction_ms(&r);
        }
    }
    if (!reader_done(&r) || h > 23 || m > 59 || s > 59)
        return false;
    *ms = (((days * 24 + h) * 60 + m) * 60 + s) * 1000 + fraction;
    return true;
}
