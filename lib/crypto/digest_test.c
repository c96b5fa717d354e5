#include "crypto/digest.h"

#include <pthread.h>

#include "base/encoding.h"
#include "crypto/random.h"

#include "base/cmocka.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    struct buffer b = {0};
    hex_encode(slice_from(bytes, len), &b);
    assert_slice(buffer_slice(&b), slice_of(hex));
    buffer_clear(&b);
}

/* FIPS 180-2, the examples. */
static void digests_of_known_texts(void **state)
{
    (void)state;
    uint8_t out[32];
    crypto_sha1(SLICE("abc"), out);
    assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    crypto_sha256(SLICE("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256((struct slice){0}, out);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, cases 1, 2 and 6. */
static void hmacs_of_known_texts(void **state)
{
    (void)state;
    uint8_t out[32];
    crypto_hmac_sha256(SLICE("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                             "\x0b\x0b\x0b\x0b"),
                       SLICE("Hi There"), out);
    assert_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    uint8_t key[131];
    memset(key, 0xaa, sizeof(key));
    crypto_hmac_sha256(slice_from(key, sizeof(key)),
                       SLICE("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    crypto_hmac_sha256((struct slice){0}, (struct slice){0}, out);
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void *sign_much(void *arg)
{
    uint8_t out[32];
    for (int i = 0; i < 2000; i++)
        crypto_hmac_sha256(SLICE("Jefe"), SLICE("what do ya want for nothing?"), out);
    *(uint8_t *)arg = out[0];
    return NULL;
}

static void threads_may_sign_at_the_same_time(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint8_t first[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_much, &first[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(first[i], 0x5b);
    }
}

static void equal_is_about_bytes_and_length(void **state)
{
    (void)state;
    assert_true(crypto_equal(SLICE("key"), SLICE("key")));
    assert_true(crypto_equal(SLICE(""), (struct slice){0}));
    assert_false(crypto_equal(SLICE("key"), SLICE("kez")));
    assert_false(crypto_equal(SLICE("key"), SLICE("keys")));
    assert_false(crypto_equal(SLICE("key"), SLICE("")));
}

static void random_differs(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0};
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

static void md5_of_pieces(void **state)
{
    (void)state;
    static const uint8_t want[CRYPTO_MD5_LEN] = {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
                                                 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72};
    uint8_t got[CRYPTO_MD5_LEN];
    struct crypto_md5 *m = crypto_md5_new();
    crypto_md5_add(m, SLICE("a"));
    crypto_md5_add(m, SLICE("bc"));
    crypto_md5_end(&m, got);
    assert_null(m);
    assert_memory_equal(got, want, sizeof(want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_of_known_texts),
        cmocka_unit_test(hmacs_of_known_texts),
        cmocka_unit_test(threads_may_sign_at_the_same_time),
        cmocka_unit_test(equal_is_about_bytes_and_length),
        cmocka_unit_test(random_differs),
        cmocka_unit_test(md5_of_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
