#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/memory.h"
#include "crypto/openssl.h"
#include "crypto/tls_context.h"

struct tls_session {
    SSL *ssl;
    struct slice in;     /* fed and not read yet; borrowed until tls_session_keep() */
    struct buffer kept;  /* what `in` then points into */
    struct buffer *wire; /* during a call */
    char reason[160];
};

/* ---- OpenSSL reads and writes through these ---- */

static int bio_read(BIO *bio, char *out, size_t room, size_t *len)
{
    struct tls_session *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *len = t->in.len < room ? t->in.len : room;
    if (*len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, t->in.at, *len);
    t->in = slice_skip(t->in, *len);
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t len, size_t *written)
{
    struct tls_session *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buffer_put(t->wire, slice_from(bytes, len));
    *written = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
    (void)bio, (void)number, (void)arg;
    return command == BIO_CTRL_FLUSH;
}

static pthread_once_t method_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slice and buffer");
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* ---- life ---- */

static struct tls_session *session_new(SSL_CTX *context)
{
    pthread_once(&method_once, method_make);
    struct tls_session *t = MEMORY_NEW(struct tls_session);
    t->ssl = SSL_new(context);
    SSL_CTX_free(context); /* the session has its own reference */
    BIO *bio = BIO_new(method);
    assert(t->ssl && bio);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    return t;
}

struct tls_session *tls_session_accept(struct tls_server *s)
{
    struct tls_session *t = session_new(tls_server_context(s));
    SSL_set_accept_state(t->ssl);
    return t;
}

static bool is_address(const char *name)
{
    uint8_t out[16];
    return inet_pton(AF_INET, name, out) == 1 || inet_pton(AF_INET6, name, out) == 1;
}

struct tls_session *tls_session_connect(struct tls_client *c, const char *server_name,
                                        uint64_t wall_ms)
{
    struct tls_session *t = session_new(tls_client_context(c));
    SSL_set_connect_state(t->ssl);
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    X509_VERIFY_PARAM_set_time(param, (time_t)(wall_ms / 1000));
    bool set;
    if (is_address(server_name)) {
        set = X509_VERIFY_PARAM_set1_ip_asc(param, server_name);
    } else { /* RFC 6066: an address is not sent as a name */
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        set = X509_VERIFY_PARAM_set1_host(param, server_name, 0) &&
              SSL_set_tlsext_host_name(t->ssl, server_name);
    }
    if (!set) { /* too long to be a name: it then matches no certificate, and must not match all */
        X509_VERIFY_PARAM_set1_host(param, "invalid", 0);
        ERR_clear_error();
    }
    return t;
}

void tls_session_free(struct tls_session **session)
{
    struct tls_session *t = *session;
    if (t == NULL)
        return;
    *session = NULL;
    SSL_free(t->ssl);
    buffer_clear(&t->kept);
    free(t);
}

/* ---- bytes ---- */

void tls_session_feed(struct tls_session *t, struct slice bytes)
{
    if (t->in.len == 0) {
        t->in = bytes;
        return;
    }
    tls_session_keep(t);
    buffer_put(&t->kept, bytes);
    t->in = buffer_slice(&t->kept);
}

void tls_session_keep(struct tls_session *t)
{
    if (t->in.len == 0) {
        buffer_clear(&t->kept);
    } else if (t->kept.at && t->in.at >= t->kept.at && t->in.at < t->kept.at + t->kept.cap) {
        buffer_drop(&t->kept, t->kept.len - t->in.len);
        t->in = buffer_slice(&t->kept);
    } else {
        buffer_clear(&t->kept);
        buffer_put(&t->kept, t->in);
        t->in = buffer_slice(&t->kept);
    }
}

/* ---- what went wrong ---- */

/* Alerts about a certificate: RFC 8446, 6.2. */
static bool is_certificate_alert(unsigned long error)
{
    switch (ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

static const char *advice(long verify_result)
{
    switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "renew the server's certificate, or check the clock here";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "check the clocks of both machines";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "connect by a name that stands in the server's certificate, or issue it with this "
               "one";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "put the authority that signed the server's certificate into the ca file";
    default:
        return "have the server's certificate issued again";
    }
}

static enum status fail(struct tls_session *t)
{
    long verify = SSL_is_server(t->ssl) ? X509_V_OK : SSL_get_verify_result(t->ssl);
    if (verify != X509_V_OK) {
        snprintf(t->reason, sizeof(t->reason), "%s: %s", X509_verify_cert_error_string(verify),
                 advice(verify));
        ERR_clear_error();
        return UNAUTHORIZED;
    }
    bool refused = is_certificate_alert(ERR_peek_last_error());
    snprintf(t->reason, sizeof(t->reason), "%s", openssl_reason());
    return refused ? UNAUTHORIZED : BAD_FORMAT;
}

/* What a call of OpenSSL that did not succeed means. */
static enum status outcome(struct tls_session *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return CLOSED;
    default:
        return fail(t);
    }
}

/* Before each call, whose error is then the only one. To clear sixteen empty places costs more than to look. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

enum status tls_session_handshake(struct tls_session *t, struct buffer *wire)
{
    forget_errors();
    t->wire = wire;
    int result = SSL_do_handshake(t->ssl);
    t->wire = NULL;
    return result == 1 ? OK : outcome(t, result);
}

enum status tls_session_read(struct tls_session *t, uint8_t *at, size_t room, size_t *len,
                             struct buffer *wire)
{
    forget_errors();
    t->wire = wire; /* a key update is answered */
    int result = SSL_read_ex(t->ssl, at, room, len);
    t->wire = NULL;
    return result == 1 ? OK : outcome(t, result);
}

enum status tls_session_write(struct tls_session *t, struct slice plain, struct buffer *wire)
{
    if (plain.len == 0)
        return OK;
    forget_errors();
    t->wire = wire;
    size_t written = 0;
    int result = SSL_write_ex(t->ssl, plain.at, plain.len, &written);
    t->wire = NULL;
    if (result != 1)
        return fail(t);
    assert(written == plain.len);
    return OK;
}

void tls_session_close(struct tls_session *t, struct buffer *wire)
{
    forget_errors();
    t->wire = wire;
    if (SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    t->wire = NULL;
    forget_errors();
}

const char *tls_session_reason(const struct tls_session *t)
{
    return t->reason;
}

/* A server's chain has not the peer's own certificate in it; a client's has. */
static void put_chain(SSL *ssl, const X509 *leaf, struct buffer *der)
{
    const STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (X509_cmp(sk_X509_value(chain, i), leaf) != 0)
            openssl_put_der(sk_X509_value(chain, i), der);
}

/* A session that is resumed has the peer's certificate, and the others where keep_chain() put them. */
void tls_session_peer_certificate(const struct tls_session *t, struct buffer *der)
{
    X509 *x = SSL_get0_peer_certificate(t->ssl);
    void *kept;
    size_t len;
    if (x == NULL)
        return;
    openssl_put_der(x, der);
    if (!SSL_session_reused(t->ssl))
        put_chain(t->ssl, x, der);
    else if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(t->ssl), &kept, &len))
        buffer_put(der, slice_from(kept, len));
}

/* What the ticket itself does not hold. */
static int keep_chain(SSL *ssl, void *arg)
{
    (void)arg;
    X509 *x = SSL_get0_peer_certificate(ssl);
    if (x == NULL || SSL_session_reused(ssl))
        return 1; /* it is there already */
    struct buffer chain = {0};
    put_chain(ssl, x, &chain);
    int kept = chain.len == 0 ||
               SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), chain.at, chain.len);
    buffer_clear(&chain);
    return kept;
}

void tls_tickets_keep_chains(SSL_CTX *c)
{
    SSL_CTX_set_session_ticket_cb(c, keep_chain, NULL, NULL);
}

bool tls_session_resumed(const struct tls_session *t)
{
    return SSL_session_reused(t->ssl);
}
