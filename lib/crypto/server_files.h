/*
 * A server's certificate in a folder, as delivered: at first start an authority and a certificate
 * that it signs are made, so that nothing is ever served in plain text for want of one.
 *
 *   ca.pem  ca-key.pem  server.pem (with its chain)  server-key.pem
 *
 * What is there stays; a server certificate that ends within 30 days, or lacks one of the names, is
 * made anew when the authority's key is there. Keys can be read by the user alone.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"

#define SERVER_CERTIFICATE_DAYS 365
#define SERVER_RENEW_DAYS 30

struct server_files {
    char ca[512], certificate[512], key[512]; /* paths */
};

/* `names`: host names and literal addresses, NULL at the end. IO_FAILED, BAD_ARGUMENT; the log line
 * says why. */
CHECKED enum status server_files_ensure(const char *directory, const char *common_name,
                                        const char *const *names, uint64_t wall_ms,
                                        struct server_files *out);

/* The names that a server's certificate is made for: its own, the further ones, this machine's loopback, and
 * the address that it listens on, unless that is all addresses. NULL at the end; to be freed, the texts stay
 * the caller's. */
const char **server_names(const char *name, const char *const *more, size_t count, const char *listen);
