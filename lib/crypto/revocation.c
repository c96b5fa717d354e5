#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/encoding.h"
#include "crypto/openssl.h"
#include "crypto/trust.h"

#define DER_SEQUENCE 0x30

static void put_list(X509_CRL *list, struct buffer *der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    i2d_X509_CRL_bio(bio, list);
    openssl_take(bio, der);
}

static bool take_pem(struct slice text, struct buffer *ders)
{
    int count = 0;
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    for (X509_CRL *l; bio && (l = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL));
         X509_CRL_free(l), count++)
        put_list(l, ders);
    BIO_free(bio);
    ERR_clear_error();
    return count > 0;
}

static bool take_der(struct slice der, struct buffer *ders)
{
    const unsigned char *at = der.at;
    X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.len);
    bool whole = list && at == der.at + der.len;
    if (whole)
        buffer_put(ders, der);
    X509_CRL_free(list);
    ERR_clear_error();
    return whole;
}

static bool take(struct slice text, struct buffer *ders)
{
    if (slice_find_slice(text, SLICE("-----BEGIN ")) < text.len)
        return take_pem(text, ders);
    return text.len && text.at[0] == DER_SEQUENCE && take_der(text, ders);
}

enum status revocation_read_any(struct slice text, struct buffer *ders)
{
    if (take(text, ders) || take(slice_trim(text), ders))
        return OK;
    struct buffer raw = {0}, tight = {0};
    for (size_t i = 0; i < text.len; i++) /* base64 may be broken into lines */
        if (text.at[i] > ' ')
            buffer_u8(&tight, text.at[i]);
    bool taken = tight.len && base64_decode(buffer_slice(&tight), &raw) == OK &&
                 take(buffer_slice(&raw), ders);
    buffer_clear(&raw);
    buffer_clear(&tight);
    return taken ? OK : BAD_FORMAT;
}
