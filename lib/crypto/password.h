/*
 * What is kept of a person's password: a slow digest (scrypt, RFC 7914, with N = 2^15, r = 8, p = 1:
 * 32 MiB and some 80 ms of one core), with its salt and its cost in the text, so that the cost can grow.
 * Both block for that long: call them on a helper thread. Safe from any thread.
 */
#pragma once

#include "base/buffer.h"

#define PASSWORD_MAX 256 /* bytes of a password */

/* Appends "scrypt$15$8$1$SALT$DIGEST". */
void password_digest(struct slice password, struct buffer *out);

/* `kept` empty or not such a text: as much work, and false. So nobody sees from the time that there is
 * no such person. */
bool password_is(struct slice kept, struct slice password);
