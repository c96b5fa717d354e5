/* Times as ISO 8601 with seven digits, as .NET writes its ticks, and back. */
#include "opcua/value_json.h"

#define TICKS_A_SECOND 10000000
#define SECONDS_A_DAY 86400
#define DAYS_TO_1601 584694   /* from 0000-03-01 */
#define DAYS_TO_10000 3067671 /* from 1601-01-01 */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static void put2(uint8_t *at, unsigned n)
{
    memcpy(at, pairs + (size_t)n * 2, 2);
}

/* The calendar repeats every 400 years; a year that begins in March has its leap day at the end. */
static void put_date(uint8_t *at, unsigned days_since_1601)
{
    unsigned days = days_since_1601 + DAYS_TO_1601;
    unsigned era = days / 146097, day_of_era = days % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* from March */
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    unsigned year = era * 400 + year_of_era + (month >= 10);
    month = month < 10 ? month + 3 : month - 9;
    put2(at, year / 100);
    put2(at + 2, year % 100);
    at[4] = at[7] = '-';
    put2(at + 5, month);
    put2(at + 8, day);
}

static void put_time_of_day(uint8_t *at, unsigned seconds, unsigned ticks)
{
    put2(at, seconds / 3600);
    put2(at + 3, seconds / 60 % 60);
    put2(at + 6, seconds % 60);
    at[2] = at[5] = ':';
    at[8] = '.';
    at[9] = (uint8_t)('0' + ticks / 1000000);
    put2(at + 10, ticks / 10000 % 100);
    put2(at + 12, ticks / 100 % 100);
    put2(at + 14, ticks % 100);
}

void opcua_value_json_time(UA_DateTime t, struct buffer *out)
{
    if (t <= 0) { /* Part 6, 5.4.2.6 */
        buffer_put(out, SLICE("\"0001-01-01T00:00:00Z\""));
        return;
    }
    uint64_t seconds = (uint64_t)t / TICKS_A_SECOND;
    uint64_t days = seconds / SECONDS_A_DAY;
    if (days >= DAYS_TO_10000) {
        buffer_put(out, SLICE("\"9999-12-31T23:59:59Z\""));
        return;
    }
    uint8_t *at = buffer_reserve(out, 30);
    at[0] = at[29] = '"';
    put_date(at + 1, (unsigned)days);
    at[11] = 'T';
    put_time_of_day(at + 12, (unsigned)(seconds % SECONDS_A_DAY),
                    (unsigned)((uint64_t)t % TICKS_A_SECOND));
    at[28] = 'Z';
    buffer_added(out, 30);
}

/* ---- back ---- */

static bool take(struct slice *text, size_t digits, unsigned most, unsigned *out)
{
    uint64_t n;
    if (text->len < digits || !slice_to_u64(slice_first(*text, digits), &n) || n > most)
        return false;
    *out = (unsigned)n;
    *text = slice_skip(*text, digits);
    return true;
}

static bool take_byte(struct slice *text, const char *any_of)
{
    if (text->len == 0 || text->at[0] == 0 || strchr(any_of, text->at[0]) == NULL)
        return false;
    *text = slice_skip(*text, 1);
    return true;
}

static unsigned take_ticks(struct slice *text)
{
    unsigned ticks = 0, weight = TICKS_A_SECOND / 10;
    while (text->len && text->at[0] >= '0' && text->at[0] <= '9') {
        ticks += (unsigned)(text->at[0] - '0') * weight;
        weight /= 10;
        *text = slice_skip(*text, 1);
    }
    return ticks;
}

/* "Z", "+01:00", "-0530" or nothing, which means UTC; in minutes. */
static bool take_offset(struct slice *text, int *minutes)
{
    *minutes = 0;
    if (text->len == 0 || take_byte(text, "Zz"))
        return text->len == 0;
    int sign = text->at[0] == '-' ? -1 : 1;
    unsigned h, m;
    if (!take_byte(text, "+-") || !take(text, 2, 23, &h))
        return false;
    take_byte(text, ":");
    if (!take(text, 2, 59, &m))
        return false;
    *minutes = sign * (int)(h * 60 + m);
    return text->len == 0;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static int64_t days_since_1601(unsigned year, unsigned month, unsigned day)
{
    year -= month < 3;
    unsigned era = year / 400, year_of_era = year % 400;
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - DAYS_TO_1601;
}

bool opcua_value_json_time_parse(struct slice text, UA_DateTime *out)
{
    unsigned year, month, day, h = 0, m = 0, s = 0, ticks = 0;
    int offset = 0;
    if (!take(&text, 4, 9999, &year) || !take_byte(&text, "-") || !take(&text, 2, 12, &month) ||
        !take_byte(&text, "-") || !take(&text, 2, 31, &day))
        return false;
    if (year == 0 || month == 0 || day == 0 || day > days_in(year, month))
        return false;
    if (text.len) {
        if (!take_byte(&text, "Tt ") || !take(&text, 2, 23, &h) || !take_byte(&text, ":") ||
            !take(&text, 2, 59, &m))
            return false;
        if (take_byte(&text, ":") && !take(&text, 2, 59, &s))
            return false;
        if (take_byte(&text, ".,"))
            ticks = take_ticks(&text);
        if (!take_offset(&text, &offset))
            return false;
    }
    int64_t seconds = days_since_1601(year, month, day) * SECONDS_A_DAY + h * 3600 + m * 60 + s -
                      (int64_t)offset * 60;
    *out = seconds < 0 ? 0 : seconds * TICKS_A_SECOND + ticks;
    return true;
}
