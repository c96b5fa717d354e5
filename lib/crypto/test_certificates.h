/* For tests only: an authority, a server's certificate for localhost and 127.0.0.1, a client's; and
 * both TLS ends. */
#pragma once

#include <stdlib.h>

#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/tls.h"

struct test_certificates {
    struct buffer ca, ca_key;
    struct buffer server, server_key;
    struct buffer client, client_key;
    struct tls_server *tls_server;
    struct tls_client *tls_client; /* trusts the authority; shows nothing */
};

static inline struct test_certificates test_certificates_make(void)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", NULL};
    struct test_certificates t = {0};
    struct certificate_ask ask = {
        .common_name = "test authority", .wall_ms = clock_wall_ms(), .days = 30};
    enum status s = certificate_make_ca(&ask, &t.ca, &t.ca_key);
    struct certificate_issuer issuer = {buffer_slice(&t.ca), buffer_slice(&t.ca_key)};
    ask.common_name = "localhost";
    ask.names = names;
    s = s ? s : certificate_issue(&ask, CERTIFICATE_SERVER, issuer, &t.server, &t.server_key);
    ask.common_name = "device-1";
    ask.names = NULL;
    s = s ? s : certificate_issue(&ask, CERTIFICATE_CLIENT, issuer, &t.client, &t.client_key);
    struct tls_server_config server = {.certificate_pem = buffer_slice(&t.server),
                                       .key_pem = buffer_slice(&t.server_key)};
    struct tls_client_config client = {.ca_pem = buffer_slice(&t.ca)};
    s = s ? s : tls_server_new(&server, &t.tls_server);
    s = s ? s : tls_client_new(&client, &t.tls_client);
    if (s != OK)
        abort();
    return t;
}

static inline void test_certificates_clear(struct test_certificates *t)
{
    tls_server_free(&t->tls_server);
    tls_client_free(&t->tls_client);
    struct buffer *all[] = {&t->ca,         &t->ca_key, &t->server,
                            &t->server_key, &t->client, &t->client_key};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_clear(all[i]);
}
