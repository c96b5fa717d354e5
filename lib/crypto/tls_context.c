#include "crypto/tls_context.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/log.h"
#include "base/memory.h"
#include "crypto/openssl.h"
#include "base/file.h"

struct tls_server {
    pthread_mutex_t lock; /* around the swap in a reload */
    SSL_CTX *context;
    char *certificate_file, *key_file;
};

struct tls_client {
    SSL_CTX *context;
};

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *c = SSL_CTX_new(method);
    if (c == NULL) {
        log_error("tls cannot be used: %s", openssl_reason());
        abort();
    }
    SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* An idle connection gives its buffers back: 34 KB each. */
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF); /* tickets hold all, we nothing */
    return c;
}

/* ---- loading ---- */

static bool refuse(const char *what, const char *file, const char *reason)
{
    log_error("tls file cannot be used: %s what=%s path=%s", reason, what, file ? file : "-");
    return false;
}

/* The text itself, or the file's. */
static bool text_of(const char *what, const char *file, struct slice text, struct buffer *out)
{
    if (file == NULL) {
        buffer_put(out, text);
        return true;
    }
    enum status status = file_read(file, out);
    return status == OK || refuse(what, file, status_name(status));
}

static bool use_chain(SSL_CTX *c, struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool used = x && SSL_CTX_use_certificate(c, x) == 1;
    X509_free(x);
    while (used && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        used = SSL_CTX_add0_chain_cert(c, x) == 1;
    BIO_free(bio);
    return used;
}

static bool use_key(SSL_CTX *c, struct slice pem)
{
    EVP_PKEY *key = openssl_key(pem);
    bool used = key && SSL_CTX_use_PrivateKey(c, key) == 1 && SSL_CTX_check_private_key(c) == 1;
    EVP_PKEY_free(key);
    return used;
}

static bool use_identity(SSL_CTX *c, const char *certificate_file, const char *key_file,
                         struct slice certificate_pem, struct slice key_pem)
{
    struct buffer chain = {0}, key = {0};
    bool used = text_of("certificate", certificate_file, certificate_pem, &chain) &&
                text_of("key", key_file, key_pem, &key);
    if (used && !use_chain(c, buffer_slice(&chain)))
        used = refuse("certificate", certificate_file, "no certificate in it");
    if (used && !use_key(c, buffer_slice(&key)))
        used = refuse("key", key_file, "no key in it, or not the certificate's");
    ERR_clear_error();
    if (key.at)
        OPENSSL_cleanse(key.at, key.len);
    buffer_clear(&chain);
    buffer_clear(&key);
    return used;
}

static bool trust(SSL_CTX *c, struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509_STORE *store = SSL_CTX_get_cert_store(c);
    X509 *x;
    int count = 0;
    for (; (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        X509_STORE_add_cert(store, x);
        X509_free(x);
    }
    BIO_free(bio);
    ERR_clear_error();
    return count > 0;
}

static bool use_authorities(SSL_CTX *c, const struct tls_client_config *config)
{
    if (config->ca_file == NULL && config->ca_pem.len == 0)
        return SSL_CTX_set_default_verify_paths(c) == 1;
    struct buffer pem = {0};
    bool used = text_of("ca", config->ca_file, config->ca_pem, &pem);
    if (used && !trust(c, buffer_slice(&pem)))
        used = refuse("ca", config->ca_file, "no certificate in it");
    buffer_clear(&pem);
    return used;
}

/* ---- server ---- */

/* Who the client is, is decided above by its thumbprint or name. */
static int accept_any(X509_STORE_CTX *chain, void *arg)
{
    (void)chain;
    (void)arg;
    return 1;
}

static SSL_CTX *server_context_new(const struct tls_server_config *config)
{
    SSL_CTX *c = context_new(TLS_server_method());
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL); /* asks; goes on without */
    SSL_CTX_set_cert_verify_callback(c, accept_any, NULL);
    SSL_CTX_set_session_id_context(c, (const unsigned char *)"millrace", 8);
    SSL_CTX_set_num_tickets(c, 1);
    tls_tickets_keep_chains(c);
    SSL_CTX_set_max_cert_list(c, TLS_CHAIN_BYTES_MAX);
    if (use_identity(c, config->certificate_file, config->key_file, config->certificate_pem,
                     config->key_pem))
        return c;
    SSL_CTX_free(c);
    return NULL;
}

enum status tls_server_new(const struct tls_server_config *config, struct tls_server **out)
{
    SSL_CTX *c = server_context_new(config);
    if (c == NULL)
        return BAD_ARGUMENT;
    struct tls_server *s = MEMORY_NEW(struct tls_server);
    pthread_mutex_init(&s->lock, NULL);
    s->context = c;
    if (config->certificate_file && config->key_file) {
        s->certificate_file = memory_text(config->certificate_file);
        s->key_file = memory_text(config->key_file);
    }
    *out = s;
    return OK;
}

enum status tls_server_reload(struct tls_server *s)
{
    if (s->certificate_file == NULL)
        return UNSUPPORTED;
    SSL_CTX *c = server_context_new(&(struct tls_server_config){
        .certificate_file = s->certificate_file, .key_file = s->key_file});
    if (c == NULL)
        return BAD_ARGUMENT;
    pthread_mutex_lock(&s->lock);
    SSL_CTX *old = s->context;
    s->context = c;
    pthread_mutex_unlock(&s->lock);
    SSL_CTX_free(old);
    log_info("tls certificate loaded path=%s", s->certificate_file);
    return OK;
}

SSL_CTX *tls_server_context(struct tls_server *s)
{
    pthread_mutex_lock(&s->lock);
    SSL_CTX *c = s->context;
    SSL_CTX_up_ref(c);
    pthread_mutex_unlock(&s->lock);
    return c;
}

void tls_server_free(struct tls_server **server)
{
    struct tls_server *s = *server;
    if (s == NULL)
        return;
    *server = NULL;
    SSL_CTX_free(s->context);
    pthread_mutex_destroy(&s->lock);
    free(s->certificate_file);
    free(s->key_file);
    free(s);
}

/* ---- client ---- */

/* AES-128 costs three quarters of AES-256, which comes first in OpenSSL's own order of the suites of TLS 1.3. All are
 * strong enough, and a server that must have AES-256 takes it all the same. What an administrator chose stays. */
static void prefer_aes_128(SSL_CTX *c)
{
    static const char *const own[] = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
                                      "TLS_AES_128_GCM_SHA256"};
    const STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(c);
    for (int i = 0; i < 3; i++)
        if (i >= sk_SSL_CIPHER_num(suites) ||
            strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(suites, i)), own[i]) != 0)
            return;
    SSL_CTX_set_ciphersuites(
        c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
}

enum status tls_client_new(const struct tls_client_config *config, struct tls_client **out)
{
    SSL_CTX *c = context_new(TLS_client_method());
    prefer_aes_128(c);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    bool shows = config->certificate_file || config->certificate_pem.len;
    if (!use_authorities(c, config) ||
        (shows && !use_identity(c, config->certificate_file, config->key_file,
                                config->certificate_pem, config->key_pem))) {
        SSL_CTX_free(c);
        return BAD_ARGUMENT;
    }
    struct tls_client *client = MEMORY_NEW(struct tls_client);
    client->context = c;
    *out = client;
    return OK;
}

SSL_CTX *tls_client_context(struct tls_client *c)
{
    SSL_CTX_up_ref(c->context);
    return c->context;
}

void tls_client_free(struct tls_client **client)
{
    struct tls_client *c = *client;
    if (c == NULL)
        return;
    *client = NULL;
    SSL_CTX_free(c->context);
    free(c);
}
