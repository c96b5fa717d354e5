/*
 * Shared access policies of a service: names, rights and keys, in a file that only the user can
 * read. Which there are at first, and what the rights are called, says the service (struct
 * policies_kind); the keys are random, made at first start. Immutable after load.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "token/sas_memo.h"

#define POLICIES_MAX 16

struct policies_right {
    const char *name; /* "RegistryWrite", as in the file */
    unsigned right;   /* one bit */
    unsigned implies; /* what else comes with it */
};

struct policies_default {
    const char *name; /* "iothubowner" */
    unsigned rights;
};

/* Both tables end with a NULL name. */
struct policies_kind {
    const struct policies_right *rights;
    const struct policies_default *defaults;
};

struct policies;

/* Makes the kind's defaults when the file is absent. The log line names what is wrong with it. */
CHECKED enum status policies_load(const struct policies_kind *kind, const char *path,
                                  struct policies **out);
/* Random keys that are kept nowhere: for tests and the simulation. */
struct policies *policies_random(const struct policies_kind *kind);
void policies_free(struct policies **p);

/* The key as base64 text, primary or secondary; empty when there is no such policy. */
struct slice policies_key(const struct policies *p, struct slice name, bool secondary);
unsigned policies_rights(const struct policies *p, struct slice name); /* 0: no such policy */

/* A service's SharedAccessSignature for a resource of this host: OK when it verifies against its
 * policy, has not expired, covers `path` (as "/devices/d1", or "" for all of the host), and grants
 * all of `rights`. `hosts` ends with NULL. FORBIDDEN: verified, but lacks a right. `memo` is the
 * calling thread's, or NULL. */
CHECKED enum status policies_check(const struct policies *p, struct sas_memo *memo,
                                   const char *const *hosts, struct slice token, struct slice path,
                                   unsigned rights, uint64_t now_ms);
