/*
 * publishednodes.json with its users and passwords encrypted: OpcAuthenticationUsername and
 * OpcAuthenticationPassword of entries that ask with them become EncryptedAuthUsername and
 * EncryptedAuthPassword, and all else stays as it is written. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

/* False: it cannot be encrypted yet. *cipher lives until config_seal() returns. */
typedef bool config_seal_fn(void *arg, struct slice plain, struct slice *cipher);

/* Appends the text. AGAIN: fn, which was asked for all, did not have some. BAD_FORMAT, TOO_LARGE:
 * the text is no configuration. *out is as before then. */
CHECKED enum status config_seal(struct slice text, config_seal_fn *fn, void *arg,
                                struct buffer *out);
