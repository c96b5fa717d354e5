/* The two ends' settings, for tls_session.c. */
#pragma once

#include <openssl/ssl.h>

#include "crypto/tls.h"

/* A reference for the caller to free. */
SSL_CTX *tls_server_context(struct tls_server *s);
/* So that a session that is resumed still knows what its client sent behind its certificate. */
void tls_tickets_keep_chains(SSL_CTX *c);
SSL_CTX *tls_client_context(struct tls_client *c);
