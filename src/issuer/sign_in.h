/*
 * A person's name and password: counted as an attempt, looked at on a helper thread (it takes some
 * 80 ms), at most ISSUER_SIGN_INS_MAX at once. On the issuer's loop.
 */
#pragma once

#include "issuer/issuer.h"
#include "issuer/users.h"

#define ISSUER_SIGN_INS_MAX 16

/* OK and the user, whose slices live until it returns; UNAUTHORIZED for a wrong password and for an
 * unknown name alike; BUSY: the name is locked, or too many sign in at once; else it could not be
 * looked at. */
typedef void issuer_sign_in_fn(void *arg, enum status why, const struct issuer_user *user);

/* Copies. `fn` may be called before it returns. `call` is the request's id, for the log. */
void issuer_sign_in(struct issuer *i, struct slice name, struct slice password, const char *call,
                    issuer_sign_in_fn *fn, void *arg);

/* What the page says. */
const char *issuer_sign_in_trouble(enum status why);
