/*
 * Users and passwords that stand encrypted in publishednodes.json (EncryptedAuthUsername and
 * EncryptedAuthPassword): only the IoT Edge runtime can open them, over its workload API, for the
 * module that had them encrypted. What was opened once is kept in memory.
 *
 * A file is settled on a helper thread with what is known; what is not is fetched on the module's
 * loop, one after the other, each within CREDENTIALS_MS, and then the file is settled again. The two
 * never happen at the same time.
 */
#pragma once

#include "io/loop.h"
#include "publisher/config.h"

#define CREDENTIALS_MS 10000

struct credentials;

struct credentials_config {
    struct loop *loop;
    const char *uri; /* "unix:///var/run/iotedge/workload.sock" or "http://host:port" */
    const char *module, *generation;
};

/* BAD_ARGUMENT: the log line says what is wrong. */
CHECKED enum status credentials_new(const struct credentials_config *config,
                                    struct credentials **out);
/* From no callback of it. What is being fetched is told first. */
void credentials_free(struct credentials **c);

/* What the API refused is asked for again with the next file. */
void credentials_forget_refused(struct credentials *c);

/* Gives entries their users and passwords. AGAIN: some are to be fetched. Entries whose secrets
 * cannot be opened (with `c` NULL: all) go on as Anonymous, and a finding says so, as in OPC
 * Publisher; with `forced` they are left out. */
CHECKED enum status credentials_settle(const struct credentials *c, struct config *config,
                                       bool forced);

/* Fetches what the configuration needs, then calls fn(arg), never before this returned. */
void credentials_fetch(struct credentials *c, const struct config *config, loop_fn *fn, void *arg);
