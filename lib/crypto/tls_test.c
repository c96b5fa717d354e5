#include "crypto/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "crypto/openssl.h"
#include "base/file.h"
#include "crypto/test_certificates.h"

#include "base/cmocka.h"

static struct test_certificates certificates;

/* The first of several. */
static struct slice first_of(struct buffer *ders)
{
    struct slice rest = buffer_slice(ders), der = {0};
    assert_true(certificate_next(&rest, &der));
    return der;
}

/* Two sessions and the bytes between them. */
struct link_of_two {
    struct tls_session *client, *server;
    struct buffer to_client, to_server;
    enum status client_says, server_says;
};

static void link_open(struct link_of_two *l, struct tls_client *client, struct tls_server *server,
                      const char *name, uint64_t wall_ms)
{
    *l = (struct link_of_two){.client = tls_session_connect(client, name, wall_ms),
                              .server = tls_session_accept(server),
                              .client_says = AGAIN,
                              .server_says = AGAIN};
}

static enum status step(struct tls_session *t, enum status says, struct buffer *in,
                        struct buffer *out)
{
    tls_session_feed(t, buffer_slice(in));
    if (says == AGAIN)
        says = tls_session_handshake(t, out);
    tls_session_keep(t);
    buffer_reset(in);
    return says;
}

/* Passes bytes to and fro until both ends have an opinion. */
static void shake_hands(struct link_of_two *l)
{
    for (int i = 0; i < 10; i++) {
        l->client_says = step(l->client, l->client_says, &l->to_client, &l->to_server);
        l->server_says = step(l->server, l->server_says, &l->to_server, &l->to_client);
    }
}

static void link_close(struct link_of_two *l)
{
    tls_session_free(&l->client);
    tls_session_free(&l->server);
    buffer_clear(&l->to_client);
    buffer_clear(&l->to_server);
}

/* ClientHello (RFC 8446, 4.1.2): heads of record and message, version, random, session id, suites. */
static void a_client_would_like_aes_128_first(void **state)
{
    (void)state;
    struct tls_session *t =
        tls_session_connect(certificates.tls_client, "localhost", clock_wall_ms());
    struct buffer hello = {0};
    assert_int_equal(tls_session_handshake(t, &hello), AGAIN);
    size_t at = 5 + 4 + 2 + 32;
    assert_true(hello.len > at);
    at += 1u + hello.at[at] + 2;
    assert_true(hello.len > at + 4);
    assert_memory_equal(hello.at + at, "\x13\x01\x13\x02", 4);
    buffer_clear(&hello);
    tls_session_free(&t);
}

static void plain_bytes_arrive_and_a_goodbye_is_heard(void **state)
{
    (void)state;
    struct link_of_two l;
    link_open(&l, certificates.tls_client, certificates.tls_server, "localhost", clock_wall_ms());
    shake_hands(&l);
    assert_int_equal(l.client_says, OK);
    assert_int_equal(l.server_says, OK);

    uint8_t *much = calloc(1, 100000);
    much[99999] = 7;
    assert_int_equal(tls_session_write(l.client, slice_from(much, 100000), &l.to_server), OK);
    tls_session_close(l.client, &l.to_server);
    assert_int_equal(slice_find_slice(buffer_slice(&l.to_server), slice_from(much, 64)),
                     l.to_server.len);

    uint8_t plain[TLS_READ_MAX], last = 0;
    size_t len, total = 0;
    enum status s = AGAIN;
    for (size_t at = 0; at < l.to_server.len; at += 1000) { /* in pieces that fit nothing */
        tls_session_feed(l.server, slice_first(slice_skip(buffer_slice(&l.to_server), at), 1000));
        while ((s = tls_session_read(l.server, plain, sizeof(plain), &len, &l.to_client)) == OK) {
            total += len;
            last = plain[len - 1];
        }
        tls_session_keep(l.server);
    }
    assert_int_equal(s, CLOSED);
    assert_int_equal(total, 100000);
    assert_int_equal(last, 7);
    free(much);
    link_close(&l);
}

static void unread_bytes_are_kept_for_later(void **state)
{
    (void)state;
    struct link_of_two l;
    link_open(&l, certificates.tls_client, certificates.tls_server, "127.0.0.1", clock_wall_ms());
    shake_hands(&l);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tls_session_write(l.client, SLICE("part "), &l.to_server), OK);
        tls_session_feed(l.server, buffer_slice(&l.to_server));
        tls_session_keep(l.server);
        buffer_clear(&l.to_server);
    }
    uint8_t plain[3];
    struct buffer all = {0};
    size_t len;
    while (tls_session_read(l.server, plain, sizeof(plain), &len, &l.to_client) == OK)
        buffer_put(&all, slice_from(plain, len));
    assert_slice(buffer_slice(&all), SLICE("part part part part part "));
    buffer_clear(&all);
    link_close(&l);
}

static void assert_refused(const char *name, uint64_t wall_ms, const char *reason)
{
    struct link_of_two l;
    link_open(&l, certificates.tls_client, certificates.tls_server, name, wall_ms);
    shake_hands(&l);
    assert_int_equal(l.client_says, UNAUTHORIZED);
    assert_int_equal(l.server_says, UNAUTHORIZED); /* it is told */
    if (strstr(tls_session_reason(l.client), reason) == NULL)
        fail_msg("reason is '%s'", tls_session_reason(l.client));
    link_close(&l);
}

static void a_wrong_name_is_refused(void **state)
{
    (void)state;
    uint64_t now = clock_wall_ms();
    assert_refused("other.example", now, "hostname mismatch");
    assert_refused("127.0.0.2", now, "IP address mismatch");
    assert_refused("localhost.other.example", now, "hostname mismatch");
    char endless[400];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = 0;
    assert_refused(endless, now, "mismatch");
    assert_refused("", now, "mismatch");
}

static void a_certificate_out_of_its_time_is_refused(void **state)
{
    (void)state;
    uint64_t now = clock_wall_ms(), day = 86400000;
    assert_refused("localhost", now + 31 * day, "expired");
    assert_refused("localhost", now - 2 * day, "not yet valid");
}

static void an_authority_that_is_not_trusted_is_refused(void **state)
{
    (void)state;
    struct test_certificates other = test_certificates_make();
    struct link_of_two l;
    link_open(&l, other.tls_client, certificates.tls_server, "localhost", clock_wall_ms());
    shake_hands(&l);
    assert_int_equal(l.client_says, UNAUTHORIZED);
    assert_non_null(strstr(tls_session_reason(l.client), "ca file"));
    link_close(&l);
    test_certificates_clear(&other);
}

static void a_client_may_show_any_certificate_or_none(void **state)
{
    (void)state;
    struct test_certificates other =
        test_certificates_make(); /* an authority the server never saw */
    struct tls_client_config config = {.ca_pem = buffer_slice(&certificates.ca),
                                       .certificate_pem = buffer_slice(&other.client),
                                       .key_pem = buffer_slice(&other.client_key)};
    struct tls_client *client;
    assert_int_equal(tls_client_new(&config, &client), OK);
    struct link_of_two l;
    struct buffer der = {0};
    link_open(&l, client, certificates.tls_server, "localhost", clock_wall_ms());
    shake_hands(&l);
    assert_int_equal(l.server_says, OK);
    tls_session_peer_certificate(l.server, &der);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(first_of(&der), &facts), OK);
    assert_string_equal(facts.common_name, "device-1");
    struct buffer issuer = {0};
    assert_int_equal(certificate_der(buffer_slice(&other.ca), &issuer), OK);
    assert_slice(slice_skip(buffer_slice(&der), first_of(&der).len), buffer_slice(&issuer));
    buffer_clear(&issuer);
    link_close(&l);

    buffer_reset(&der);
    link_open(&l, certificates.tls_client, certificates.tls_server, "localhost", clock_wall_ms());
    shake_hands(&l);
    tls_session_peer_certificate(l.server, &der);
    assert_int_equal(der.len, 0);
    link_close(&l);
    tls_client_free(&client);
    buffer_clear(&der);
    test_certificates_clear(&other);
}

static void noise_is_refused(void **state)
{
    (void)state;
    static const char *const noises[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                         "\x10\x26\0\4MQTT\4\2\0\x3c",
                                         "\x16\x03\x01\xff\xff\x01\x02"};
    for (size_t i = 0; i < 3; i++) {
        struct tls_session *t = tls_session_accept(certificates.tls_server);
        struct buffer wire = {0};
        tls_session_feed(t, slice_from(noises[i], i == 1 ? 13 : strlen(noises[i])));
        assert_int_equal(tls_session_handshake(t, &wire), BAD_FORMAT);
        assert_true(strlen(tls_session_reason(t)) > 0);
        tls_session_free(&t);
        buffer_clear(&wire);
    }
}

static void a_changed_record_is_refused(void **state)
{
    (void)state;
    struct link_of_two l;
    link_open(&l, certificates.tls_client, certificates.tls_server, "localhost", clock_wall_ms());
    shake_hands(&l);
    assert_int_equal(tls_session_write(l.client, SLICE("pay 10"), &l.to_server), OK);
    l.to_server.at[l.to_server.len - 3] ^= 1;
    tls_session_feed(l.server, buffer_slice(&l.to_server));
    uint8_t plain[64];
    size_t len;
    assert_int_equal(tls_session_read(l.server, plain, sizeof(plain), &len, &l.to_client),
                     BAD_FORMAT);
    link_close(&l);
}

static void files_that_do_not_fit_are_refused_and_a_reload_keeps_the_old(void **state)
{
    (void)state;
    char directory[] = "/tmp/tls_test.XXXXXX", certificate[64], key[64];
    assert_non_null(mkdtemp(directory));
    snprintf(certificate, sizeof(certificate), "%s/server.pem", directory);
    snprintf(key, sizeof(key), "%s/server.key", directory);
    struct tls_server_config config = {.certificate_file = certificate, .key_file = key};
    struct tls_server *server = NULL;
    assert_int_equal(tls_server_new(&config, &server), BAD_ARGUMENT);
    assert_int_equal(
        file_write_public(certificate, buffer_slice(&certificates.server)), OK);
    assert_int_equal(file_write(key, buffer_slice(&certificates.client_key)),
                     OK);
    assert_int_equal(tls_server_new(&config, &server), BAD_ARGUMENT); /* another's key */
    assert_int_equal(file_write(key, buffer_slice(&certificates.server_key)),
                     OK);
    assert_int_equal(tls_server_new(&config, &server), OK);
    assert_int_equal(file_write(key, SLICE("broken")), OK);
    assert_int_equal(tls_server_reload(server), BAD_ARGUMENT);

    struct link_of_two l;
    link_open(&l, certificates.tls_client, server, "localhost", clock_wall_ms());
    shake_hands(&l);
    assert_int_equal(l.client_says, OK);
    link_close(&l);
    assert_int_equal(file_write(key, buffer_slice(&certificates.server_key)),
                     OK);
    assert_int_equal(tls_server_reload(server), OK);
    assert_int_equal(tls_server_reload(certificates.tls_server), UNSUPPORTED);
    tls_server_free(&server);
    unlink(certificate);
    unlink(key);
    rmdir(directory);

    struct tls_client_config bad = {.ca_pem = SLICE("no certificate")};
    struct tls_client *client = NULL;
    assert_int_equal(tls_client_new(&bad, &client), BAD_ARGUMENT);
    bad = (struct tls_client_config){.ca_file = "/nonexistent/ca.pem"};
    assert_int_equal(tls_client_new(&bad, &client), BAD_ARGUMENT);
}

/* OpenSSL's own client, because ours keeps no tickets. Returns its session, to go on with later. */
static SSL_SESSION *visit(SSL_CTX *context, SSL_SESSION *before, struct certificate_facts *facts,
                          size_t *shown, bool *resumed)
{
    struct tls_session *server = tls_session_accept(certificates.tls_server);
    SSL *client = SSL_new(context);
    BIO *to_client = BIO_new(BIO_s_mem());
    SSL_set_bio(client, to_client, BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    if (before)
        SSL_set_session(client, before);
    struct buffer in = {0}, out = {0}, der = {0};
    enum status says = AGAIN;
    for (int i = 0; i < 6; i++) {
        uint8_t byte;
        size_t len = 0;
        (void)!SSL_read_ex(client, &byte, 1, &len); /* shakes hands, and takes tickets */
        char *at;
        long sent = BIO_get_mem_data(SSL_get_wbio(client), &at);
        buffer_put(&in, slice_from(at, (size_t)sent));
        (void)BIO_reset(SSL_get_wbio(client));
        says = step(server, says, &in, &out);
        if (out.len)
            BIO_write(to_client, out.at, (int)out.len);
        buffer_reset(&out);
    }
    assert_int_equal(says, OK);
    *resumed = tls_session_resumed(server);
    assert_int_equal(SSL_session_reused(client), *resumed);
    tls_session_peer_certificate(server, &der);
    assert_int_equal(certificate_read(first_of(&der), facts), OK);
    *shown = der.len;
    SSL_SESSION *session = SSL_get1_session(client);
    SSL_shutdown(client);
    SSL_free(client);
    tls_session_free(&server);
    buffer_clear(&in), buffer_clear(&out), buffer_clear(&der);
    return session;
}

static void a_ticket_resumes_and_the_clients_certificates_are_still_known(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(context, version);
        X509 *certificate = openssl_certificate_pem(buffer_slice(&certificates.client));
        EVP_PKEY *key = openssl_key(buffer_slice(&certificates.client_key));
        SSL_CTX_use_certificate(context, certificate);
        SSL_CTX_add0_chain_cert(context, openssl_certificate_pem(buffer_slice(&certificates.ca)));
        SSL_CTX_use_PrivateKey(context, key);
        struct certificate_facts first, second;
        bool resumed = true;
        size_t first_shown = 0, second_shown = 1;
        SSL_SESSION *session = visit(context, NULL, &first, &first_shown, &resumed);
        assert_false(resumed);
        SSL_SESSION *next = visit(context, session, &second, &second_shown, &resumed);
        assert_true(resumed);
        assert_int_equal(second_shown, first_shown); /* its authority's, too */
        assert_string_equal(second.sha256, first.sha256);
        assert_string_equal(second.common_name, "device-1");
        SSL_SESSION_free(session);
        SSL_SESSION_free(next);
        SSL_CTX_free(context);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
}

static void older_versions_are_refused(void **state)
{
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
    SSL *client = SSL_new(context);
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(client);
    assert_int_equal(SSL_do_handshake(client), -1);
    char *at;
    long len = BIO_get_mem_data(SSL_get_wbio(client), &at);
    assert_true(len > 0);
    struct tls_session *server = tls_session_accept(certificates.tls_server);
    struct buffer out = {0};
    tls_session_feed(server, slice_from(at, (size_t)len));
    assert_int_equal(tls_session_handshake(server, &out), BAD_FORMAT);
    assert_non_null(strstr(tls_session_reason(server), "unsupported protocol"));
    tls_session_free(&server);
    SSL_free(client);
    SSL_CTX_free(context);
    buffer_clear(&out);
}

int main(void)
{
    certificates = test_certificates_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_would_like_aes_128_first),
        cmocka_unit_test(plain_bytes_arrive_and_a_goodbye_is_heard),
        cmocka_unit_test(unread_bytes_are_kept_for_later),
        cmocka_unit_test(a_wrong_name_is_refused),
        cmocka_unit_test(a_certificate_out_of_its_time_is_refused),
        cmocka_unit_test(an_authority_that_is_not_trusted_is_refused),
        cmocka_unit_test(a_client_may_show_any_certificate_or_none),
        cmocka_unit_test(a_ticket_resumes_and_the_clients_certificates_are_still_known),
        cmocka_unit_test(older_versions_are_refused),
        cmocka_unit_test(noise_is_refused),
        cmocka_unit_test(a_changed_record_is_refused),
        cmocka_unit_test(files_that_do_not_fit_are_refused_and_a_reload_keeps_the_old),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_certificates_clear(&certificates);
    return failed;
}
