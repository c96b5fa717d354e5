/*
 * One event a line on stderr: `twin patched device=plc-1 version=7`. Words first, then fields as
 * key=value without blanks in the value; the same word for the same thing everywhere. For people, or
 * as JSON lines with the fields as members. Never a secret, never a payload. Safe from any thread.
 * Peers can cause warnings: of one kind LOG_WARNINGS_MAX are written in a second, the last with
 * more=left-out.
 */
#pragma once

#include <stdint.h>

#define LOG_WARNINGS_MAX 100

enum log_level { LOG_LEVEL_NONE = -1, LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Once, before threads start. `part` is the program's name and must outlive it. */
void log_setup(const char *part, enum log_level level, int json);

/* Lines are stamped by wall_ms(arg) instead of the machine's clock, until NULL is given: for a simulation, that
 * has one thread. */
void log_clock(uint64_t (*wall_ms)(void *arg), void *arg);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
int log_wants(enum log_level level);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__) /* someone must act */
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)   /* it worked, worse */
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)   /* start, stop, connect, configuration */
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_wants(LOG_LEVEL_DEBUG))                                                            \
            log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                                \
    } while (0)
