/*
 * Another program's words for the same settings, so that its command lines, environments and secret
 * files work here unchanged. A row is one option of that program: how it is written there, and
 * which setting it is here, or why there is none.
 *
 * Options may have one or two dashes, and '=', ':' or a blank before their value. A variable's name
 * is also an option, and compares without case in both places. Words and true and false are taken
 * in any case. Strength: file < the secrets file < the dialect's variables < MILLRACE_… < the
 * command line, where its options and our flags stand side by side.
 *
 * With a dialect an unknown flag is only warned about, as the other program does: --check alone
 * calls it an error.
 */
#pragma once

#include "base/buffer.h"
#include "settings/settings.h"

/* The value in our words; false: it is none, and the option's row says what is. */
typedef bool settings_convert_fn(struct slice value, struct buffer *out);

struct settings_option {
    const char *names;            /* divided by blanks, without dashes; "" for none */
    const char *variable;         /* NULL: none */
    const char *setting;          /* NULL: none here, `note` says why */
    settings_convert_fn *convert; /* NULL: as it stands */
    const char *alone;            /* its value when it stands alone; NULL: it needs one */
    const char *note;             /* what differs; NULL: nothing */
};

struct settings_dialect {
    const struct settings_option *options;
    size_t count;
    const char *secrets_variable; /* names the secrets file; may be NULL */
    const char *secrets_file;     /* when it does not; may be absent */
};

/* NULL when it is none of the options' names. */
const struct settings_option *settings_option_find(const struct settings_dialect *d,
                                                   struct slice name);
/* The option with this variable; NULL. */
const struct settings_option *settings_option_of_variable(const struct settings_dialect *d,
                                                          struct slice name);

/* What `value` is for `row`. */
bool settings_option_value(const struct settings_option *o, const struct setting *row,
                           struct slice value, struct buffer *out);

/* NAME=value lines, as docker's and compose's .env have them: "export " before and quotes around
 * are taken off, # begins a comment line. Takes the next pair off *left; false at the end. */
bool settings_env_next(struct slice *left, struct slice *name, struct slice *value);
