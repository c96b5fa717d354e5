#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

/* Set once before threads start, read afterwards. */
static const char *part_name = "millrace";
static enum log_level level_wanted = LOG_LEVEL_INFO;
static int as_json;

/* How often each kind of warning was said in a second; a kind is its format. Kinds that share a place
 * push each other out, and threads may count one line twice or not: about so many is enough. */
#define KINDS 256
static struct kind {
    const char *format;
    uint64_t second;
    unsigned lines;
} kinds[KINDS];

static uint64_t (*stamp)(void *arg);
static void *stamp_arg;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(const char *part, enum log_level level, int json)
{
    part_name = part;
    level_wanted = level;
    as_json = json;
}

void log_clock(uint64_t (*wall_ms)(void *arg), void *arg)
{
    stamp = wall_ms;
    stamp_arg = arg;
}

int log_wants(enum log_level level)
{
    return level <= level_wanted;
}

static void json_text(struct buffer *out, struct slice s)
{
    buffer_u8(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        if (c == '"' || c == '\\') {
            buffer_u8(out, '\\');
            buffer_u8(out, c);
        } else if (c < 0x20) {
            buffer_printf(out, "\\u%04x", c);
        } else {
            buffer_u8(out, c);
        }
    }
    buffer_u8(out, '"');
}

static bool is_key(struct slice word, size_t eq)
{
    for (size_t i = 0; i < eq; i++) {
        uint8_t c = word.at[i];
        if (!((c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9')))
            return false;
    }
    return eq > 0 && eq < word.len;
}

/* The words are the message, every key=value behind them a member. */
static void put_json(struct buffer *out, const char *time, const char *level, struct slice text)
{
    size_t fields = text.len;
    struct slice rest = text, word;
    while (slice_split(&rest, ' ', &word)) {
        if (is_key(word, slice_find(word, '='))) {
            fields = (size_t)(word.at - text.at);
            break;
        }
    }
    buffer_printf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"part\":\"%s\",\"message\":", time, level,
                  part_name);
    json_text(out, slice_trim(slice_first(text, fields)));
    rest = slice_skip(text, fields);
    while (rest.len && slice_split(&rest, ' ', &word)) {
        size_t eq = slice_find(word, '=');
        if (!is_key(word, eq))
            continue;
        buffer_u8(out, ',');
        json_text(out, slice_first(word, eq));
        buffer_u8(out, ':');
        json_text(out, slice_skip(word, eq + 1));
    }
    buffer_text(out, "}\n");
}

/* How many of its kind this one is in its second. */
static unsigned count(const char *format, uint64_t second)
{
    struct kind *k = &kinds[(uintptr_t)format / 8 % KINDS];
    if (__atomic_load_n(&k->format, __ATOMIC_RELAXED) != format ||
        __atomic_load_n(&k->second, __ATOMIC_RELAXED) != second) {
        __atomic_store_n(&k->format, format, __ATOMIC_RELAXED);
        __atomic_store_n(&k->second, second, __ATOMIC_RELAXED);
        __atomic_store_n(&k->lines, 0, __ATOMIC_RELAXED);
    }
    return __atomic_add_fetch(&k->lines, 1, __ATOMIC_RELAXED);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_wants(level))
        return;
    uint64_t now_ms = stamp ? stamp(stamp_arg) : clock_wall_ms();
    unsigned of_kind = level == LOG_LEVEL_WARN ? count(format, now_ms / 1000) : 0;
    if (of_kind > LOG_WARNINGS_MAX)
        return;
    struct buffer text = {0}, line = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&text, format, args);
    va_end(args);
    if (of_kind == LOG_WARNINGS_MAX)
        buffer_text(&text, " more=left-out");
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < 0x20)
            text.at[i] = ' '; /* what a peer sent cannot start a line of its own */
    char time[CLOCK_ISO8601_MAX];
    clock_iso8601(now_ms, time);
    if (as_json)
        put_json(&line, time, level_names[level], buffer_slice(&text));
    else
        buffer_printf(&line, "%s %-5s %s: %.*s\n", time, level_names[level], part_name,
                      (int)text.len, (const char *)text.at);
    if (write(STDERR_FILENO, line.at, line.len) < 0) { /* nobody is left to be told */
    }
    buffer_clear(&text);
    buffer_clear(&line);
}
