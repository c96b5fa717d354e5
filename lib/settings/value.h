/* A setting's text as a value, with an error that says what is allowed. */
#pragma once

#include "base/buffer.h"
#include "settings/settings.h"

struct setting_value {
    char *text;      /* as given; the path with its home */
    int64_t number;  /* integer, bytes, milliseconds, bool */
    char **list;     /* NULL-ended */
    size_t list_count;
};

/* BAD_ARGUMENT: *why says what is wrong with it. */
CHECKED enum status setting_parse(const struct setting *s, struct slice text, struct setting_value *out,
                                  struct buffer *why);
void setting_value_clear(struct setting_value *v);
