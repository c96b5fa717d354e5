/* The words of a command line, one flag after the other: "--name value", "--name=value", a switch
 * alone, and the same in a dialect's words. Pure; the slices point into the words. */
#pragma once

#include "settings/dialect.h"

struct settings_words {
    int argc, at;
    char **argv;
};

const char *settings_word_next(struct settings_words *w); /* NULL at the end */

/* A word that begins with dashes, taken apart, and what it names. */
struct settings_flag {
    const char *word;
    struct slice name;
    const char *value; /* behind '=' (or ':' in a dialect), or the next word; NULL: none */
    long setting;      /* a row of the table; < 0: none */
    bool no;           /* "--no-name" of a switch */
    const struct settings_option *option; /* of the dialect; NULL */
};

struct settings_flag settings_flag_read(const struct settings_program *p, struct settings_words *w,
                                        const char *word);

/* -1: there is none. */
long settings_row_find(const struct settings_program *p, struct slice name);
