/*
 * The keys that tokens are signed with, in a file that only its user can read. The newest signs;
 * one that was replaced stays in the published set until every token that it signed has expired.
 * What is read is an immutable snapshot: ref and unref, from any thread.
 */
#pragma once

#include "base/status.h"
#include "token/jwk.h"

struct issuer_keys;

struct issuer_keys_config {
    const char *path;
    enum jwk_algorithm algorithm;
    uint64_t replace_ms; /* a key signs for so long */
    uint64_t keep_ms; /* and is published for so long after it was replaced: the life of a token */
};

/* Reads the file, makes and removes keys as is due, writes it when it changed. Blocks, up to a
 * second when an RSA key is made. BAD_FORMAT, IO_FAILED: logged. */
CHECKED enum status issuer_keys_load(const struct issuer_keys_config *config, uint64_t now_ms,
                                     struct issuer_keys **out);
struct issuer_keys *issuer_keys_ref(struct issuer_keys *k);
void issuer_keys_unref(struct issuer_keys **k);

const struct jwk *issuer_keys_signing(const struct issuer_keys *k);
struct slice issuer_keys_set(const struct issuer_keys *k); /* {"keys":[…]} for publishing */
