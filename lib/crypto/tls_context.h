/* The two ends' settings, for tls_session.c. */
#pragma once

#include <openssl/ssl.h>

#include "crypto/tls.h"

/* A reference for the caller to free. */
SSL_CTX *tls_server_context(struct tls_server *s);
SSL_CTX *tls_client_context(struct tls_client *c);
