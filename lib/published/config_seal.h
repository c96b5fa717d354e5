/*
 * publishednodes.json with its users and passwords encrypted: OpcAuthenticationUsername and
 * OpcAuthenticationPassword become EncryptedAuthUsername and EncryptedAuthPassword, and all else stays
 * as it is written. No entry is left out: neither those that config.h refuses, nor those that do not
 * ask with what stands there. The subject of a certificate that has no password is no secret. Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

/* False: it cannot be encrypted yet. *cipher lives until config_seal() returns. */
typedef bool config_seal_fn(void *arg, struct slice plain, struct slice *cipher);

/* Appends the text. AGAIN: fn, which was asked for all, did not have some. BAD_ARGUMENT: one is no text,
 * *why says which and what to do. BAD_FORMAT, TOO_LARGE: the text is no configuration. *out is as
 * before then. */
CHECKED enum status config_seal(struct slice text, config_seal_fn *fn, void *arg, struct buffer *out,
                                struct buffer *why);
