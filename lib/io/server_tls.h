/*
 * The TLS of a program that serves: its certificate is opened at start and looked at once a day, so that a
 * program that runs for years goes on serving. Files that were given are read again (who renews them is
 * somebody else); those that the program made itself are made anew before they end.
 */
#pragma once

#include "crypto/tls.h"
#include "io/loop.h"

#define SERVER_TLS_LOOK_MS (24ull * 3600 * 1000)

struct server_tls;

struct server_tls_config {
    struct loop *loop;
    const char *certificate, *key; /* PEM files; both NULL: they are made in `directory` */
    const char *directory;
    const char *const *names; /* for the certificate, NULL at the end: server_names() */
};

/* The texts are the caller's and live as long. IO_FAILED, BAD_ARGUMENT; the log line says why. Blocks. */
CHECKED enum status server_tls_open(const struct server_tls_config *config, struct server_tls **out);
/* Not while a look is under way on another thread: after the loop has stopped. */
void server_tls_close(struct server_tls **s);

struct tls_server *server_tls(const struct server_tls *s);
