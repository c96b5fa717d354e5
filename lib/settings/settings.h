/*
 * A program's settings: one table with name, type, default, bounds and help, from which come --help,
 * checking and the values. A value comes from, the later the stronger:
 *
 *   the table's default < the file (--config FILE, JSON with comments) < MILLRACE_<PROGRAM>_<NAME> < --name VALUE
 *
 * Names are words with dots, "mqtt.port": in the file a nested object or one dotted name, in the
 * environment MILLRACE_HUB_MQTT_PORT, on the command line --mqtt.port 8883 or --mqtt.port=8883.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

enum setting_type {
    SETTING_TEXT,
    SETTING_PATH,     /* "~/" is the user's home; not empty */
    SETTING_INTEGER,
    SETTING_SIZE,     /* "64MiB", "100kB", "1024": bytes */
    SETTING_DURATION, /* "250ms", "30s", "5m", "2h", "7d", or .NET's "00:00:30": milliseconds */
    SETTING_BOOL,     /* true, false; on the command line --name alone is true too, --no-name false */
    SETTING_WORD,     /* one of `words` */
    SETTING_LIST,     /* texts: a JSON array, or divided by commas; each one of `words`, if there are */
};

struct setting {
    const char *name;
    enum setting_type type;
    const char *otherwise; /* default as text; NULL: none, the value may be absent */
    const char *help;
    int64_t min, max;      /* of numbers; both 0: no bounds */
    const char *words;     /* "fsync|os|memory" */
    bool secret;           /* shown as *** */
};

struct settings_dialect;

struct settings_program {
    const char *name;      /* "hub" */
    const char *usage;     /* what it does, for --help */
    const struct setting *table;
    size_t count;
    bool commands; /* words that are no flags are its to look at; otherwise they are errors */
    const struct settings_dialect *dialect; /* settings/dialect.h; NULL: none */
};

struct settings;

/* -1: go on with *out. Otherwise the program's exit code: 0 after --help, --check, --show-origin; 2 after
 * errors, each of which is on stderr as file:line:column, or with the flag or variable it stands in.
 * argv[0] is the program's word. */
int settings_load(const struct settings_program *program, int argc, char **argv, struct settings **out);
void settings_free(struct settings **s);

/* In how many letters two names differ; 99 when they are too long for names. */
size_t settings_distance(const char *a, struct slice b);

/* The name must be in the table with that type (assert). NULL or empty when absent. */
const char *settings_text(const struct settings *s, const char *name);   /* text, path, word */
int64_t settings_integer(const struct settings *s, const char *name);    /* integer */
uint64_t settings_size(const struct settings *s, const char *name);      /* bytes */
uint64_t settings_ms(const struct settings *s, const char *name);        /* duration */
bool settings_bool(const struct settings *s, const char *name);
size_t settings_list(const struct settings *s, const char *name, const char *const **out); /* NULL-ended too */

/* Somebody said it: it is not the table's default. */
bool settings_given(const struct settings *s, const char *name);

/* The i-th word that is no flag; NULL beyond the last. */
const char *settings_argument(const struct settings *s, size_t i);

/* Sets up base/log.h from "log.level" and "log.format" when the table has them: see SETTINGS_LOG. */
void settings_start_log(const struct settings *s);

#define SETTINGS_LOG                                                                               \
    {"log.level", SETTING_WORD, "info", "how much is logged", 0, 0, "error|warn|info|debug", false}, \
    {"log.format", SETTING_WORD, "text", "lines for people, or JSON lines", 0, 0, "text|json", false}
