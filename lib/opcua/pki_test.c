#include "opcua/pki.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "crypto/certificate.h"

#include "base/cmocka.h"

static char directory[64];
static struct opcua_pki *pki;

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/opcua_pki_XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    opcua_pki_close(&pki);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static void open_pki(bool trust_all)
{
    opcua_pki_close(&pki);
    struct opcua_pki_config config = {
        .directory = directory, .application_uri = "urn:test:me", .trust_all = trust_all};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
}

static void path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", directory, name);
}

static size_t files_in(const char *name)
{
    char path[256];
    path_of(name, path);
    size_t n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* A server's certificate, that nobody knows yet. */
static void make_server(const char *uri, uint64_t now_ms, unsigned days, struct buffer *der)
{
    struct certificate_ask ask = {
        .common_name = "server", .uri = uri, .wall_ms = now_ms, .days = days, .key = KEY_RSA_2048};
    struct buffer pem = {0}, key = {0};
    assert_int_equal(certificate_make_application(&ask, &pem, &key), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), der), OK);
    buffer_clear(&pem);
    buffer_clear(&key);
}

#define NOW_MS ((uint64_t)time(NULL) * 1000)

static void the_own_certificate_is_made_once_and_its_key_is_private(void **state)
{
    (void)state;
    open_pki(false);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(opcua_pki_certificate(pki), &facts), OK);
    assert_string_equal(facts.uri, "urn:test:me");
    char first[2 * CRYPTO_SHA1_LEN + 1], path[256];
    strcpy(first, facts.sha1);
    open_pki(false);
    assert_int_equal(certificate_read(opcua_pki_certificate(pki), &facts), OK);
    assert_string_equal(facts.sha1, first);
    struct stat s;
    path_of("own/private/own.der", path);
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 077, 0);
}

static void a_broken_own_certificate_is_made_anew(void **state)
{
    (void)state;
    open_pki(false);
    char path[256];
    path_of("own/certs/own.der", path);
    assert_int_equal(file_write(path, SLICE("nonsense")), OK);
    open_pki(false);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(opcua_pki_certificate(pki), &facts), OK);
}

static void nobody_is_trusted_by_himself(void **state)
{
    (void)state;
    open_pki(false);
    struct buffer der = {0};
    make_server("urn:server", NOW_MS, 365, &der);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)),
                     UA_STATUSCODE_BADCERTIFICATEUNTRUSTED);
    assert_int_equal(files_in("rejected/certs"), 1);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)),
                     UA_STATUSCODE_BADCERTIFICATEUNTRUSTED);
    assert_int_equal(files_in("rejected/certs"), 1); /* the same one is kept once */
    buffer_clear(&der);
}

static void a_moved_file_is_trusted_at_once_and_a_broken_one_beside_it_does_not_matter(void **state)
{
    (void)state;
    open_pki(false);
    struct buffer der = {0};
    char path[256];
    make_server("urn:server", NOW_MS, 365, &der);
    path_of("trusted/certs/broken.der", path);
    assert_int_equal(file_write(path, SLICE("nonsense")), OK);
    path_of("trusted/certs/server.der", path);
    assert_int_equal(file_write(path, buffer_slice(&der)), OK);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    assert_int_equal(remove(path), 0);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)),
                     UA_STATUSCODE_BADCERTIFICATEUNTRUSTED);
    buffer_clear(&der);
}

static void what_has_run_out_is_refused_even_when_all_are_trusted(void **state)
{
    (void)state;
    open_pki(true);
    struct buffer old = {0}, good = {0};
    make_server("urn:old", NOW_MS - 100ull * 86400000, 10, &old);
    make_server("urn:good", NOW_MS, 10, &good);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&old)),
                     UA_STATUSCODE_BADCERTIFICATETIMEINVALID);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&good)), UA_STATUSCODE_GOOD);
    assert_int_equal(files_in("trusted/certs"), 1); /* kept, to be seen */
    buffer_clear(&old);
    buffer_clear(&good);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    open_pki(true);
    assert_int_not_equal(opcua_pki_verify(pki, SLICE("nonsense")), UA_STATUSCODE_GOOD);
    assert_int_not_equal(opcua_pki_verify(pki, (struct slice){0}), UA_STATUSCODE_GOOD);
    assert_int_not_equal(opcua_pki_verify(pki, SLICE("\x30\x82\xff\xff")), UA_STATUSCODE_GOOD);
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    struct opcua_pki_config config = {.directory = "/proc/none/pki"};
    assert_int_not_equal(opcua_pki_open(&config, &pki), OK);
    assert_null(pki);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_own_certificate_is_made_once_and_its_key_is_private),
        TEST(a_broken_own_certificate_is_made_anew),
        TEST(nobody_is_trusted_by_himself),
        TEST(a_moved_file_is_trusted_at_once_and_a_broken_one_beside_it_does_not_matter),
        TEST(what_has_run_out_is_refused_even_when_all_are_trusted),
        TEST(nonsense_is_refused),
        TEST(a_directory_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
