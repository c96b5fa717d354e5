/*
 * Times. Deadlines count monotonic milliseconds (of the loop: loop_now_ms), stamps are wall clock
 * milliseconds since 1970 in UTC (loop_wall_ms). Only a loop, and programs without one, ask the machine here.
 */
#pragma once

#include "base/slice.h"

uint64_t clock_monotonic_ns(void); /* goes on while the machine sleeps */
uint64_t clock_wall_ms(void);

#define CLOCK_ISO8601_MAX 32

/* "2026-11-23T07:03:00.123Z", or with .NET's seven digits "…00.1230000Z". Returns the length. */
size_t clock_iso8601(uint64_t wall_ms, char out[CLOCK_ISO8601_MAX]);
size_t clock_iso8601_ticks(uint64_t ticks_100ns_since_1970, char out[CLOCK_ISO8601_MAX]);

/* "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 section 5.6.7. Returns the length. */
size_t clock_http_date(uint64_t wall_ms, char out[CLOCK_ISO8601_MAX]);
/* That form alone. False for anything else. */
bool clock_parse_http_date(struct slice text, uint64_t *wall_ms);

/* RFC 3339 with any number of fraction digits; no offset means UTC. False for anything else. */
bool clock_parse_iso8601(struct slice text, uint64_t *wall_ms);

#define CLOCK_TIMESPAN_MAX 40
/* "1.02:03:04.5670000", as .NET writes a TimeSpan. Returns the length. */
size_t clock_timespan(uint64_t ms, char out[CLOCK_TIMESPAN_MAX]);
/* ".NET" time spans, "[d.]hh:mm:ss[.fffffff]". False for anything else. */
bool clock_parse_timespan(struct slice text, uint64_t *ms);
