/*
 * Users and passwords that stand encrypted in publishednodes.json (EncryptedAuthUsername and
 * EncryptedAuthPassword): only the IoT Edge runtime can open them, over its workload API, for the
 * module that had them encrypted, and encrypt others. What was opened or
 * encrypted once is kept in memory while files ask for it.
 *
 * A file is settled on a helper thread with what is known; what is not is fetched on the module's
 * loop, one after the other, each within CREDENTIALS_MS and all within CREDENTIALS_ROUND_MS, and then
 * the file is settled again. An API that is not there or does not answer in time is not asked for the
 * rest, which is missing with it, and can be asked for again; then what was waited for in vain comes
 * last. Settling and fetching never happen at the same time: who works on files at the same time has
 * credentials of his own.
 */
#pragma once

#include "io/loop.h"
#include "published/config.h"

#define CREDENTIALS_MS 10000
#define CREDENTIALS_ROUND_MS 60000

struct credentials;

struct credentials_config {
    struct loop *loop;
    const char *uri; /* "unix:///var/run/iotedge/workload.sock" or "http://host:port" */
    const char *module, *generation;
    uint64_t round_ms; /* 0: CREDENTIALS_ROUND_MS */
};

/* BAD_ARGUMENT: the log line says what is wrong. */
CHECKED enum status credentials_new(const struct credentials_config *config,
                                    struct credentials **out);
/* From no callback of it: nothing is fetched any more, and who waits for that is told. */
void credentials_end(struct credentials *c);
/* The same if need be. While no helper thread has it. */
void credentials_free(struct credentials **c);

/* Before each file. What the API refused is asked for again; what the last file did not ask for is
 * wiped. */
void credentials_forget(struct credentials *c);
/* The same for who asks for what is missing again: it stays so, and the file does not wait for it. */
void credentials_next_file(struct credentials *c);

/* ---- on a helper thread; AGAIN: some are to be fetched ---- */

/* Gives entries their users and passwords. Entries whose secrets
 * cannot be opened (with `c` NULL: all) go on as Anonymous, and a finding says so, as in OPC
 * Publisher; with `forced` they are left out. */
CHECKED enum status credentials_settle(struct credentials *c, struct config *config, bool forced);

/* The same for who changes a file: entries whose secrets cannot be opened stay as they are. */
void credentials_open(struct credentials *c, struct config *config);
/* Something is to be fetched. */
bool credentials_wants(const struct credentials *c);

/* Appends the file's text with its users and passwords encrypted (config_seal.h). FORBIDDEN: the API
 * does not encrypt one; and as there. */
CHECKED enum status credentials_seal(struct credentials *c, struct slice text, struct buffer *out,
                                     struct buffer *why);

/* ---- on the loop ---- */

/* Fetches what was wanted since the last time, then calls fn(arg), never before this returned. */
void credentials_fetch(struct credentials *c, loop_fn *fn, void *arg);
/* What is not known because the API was not there, was slow or had a trouble of its own; of what it
 * refused there is no count. Until credentials_forget(). */
size_t credentials_missing(const struct credentials *c);
/* The same as fetching, for those. */
void credentials_ask_again(struct credentials *c, loop_fn *fn, void *arg);
/* What is not fetched yet is missing, and who waits is told before this returns. From no callback of it. */
void credentials_end_round(struct credentials *c);
