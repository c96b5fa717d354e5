/* What comes from the issuer's own pages: a form (application/x-www-form-urlencoded). Pure. */
#pragma once

#include "base/arena.h"

struct issuer_form {
    struct slice username, password, token, user_code, answer;
};

/* Of a name that stands there twice the first counts. Slices in the arena. */
void issuer_form_read(struct arena *a, struct slice text, struct issuer_form *out);

/* The next pair of a form, decoded: '+' is a blank, %XX a byte. False at the end. */
bool issuer_form_next(struct arena *a, struct slice *rest, struct slice *name, struct slice *value);
