#include "opcua/pki_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "crypto/certificate.h"
#include "crypto/identity.h"

#include "base/cmocka.h"

static char directory[64];
static struct opcua_pki *pki;

static char made[64]; /* what the first start makes, made once: an RSA key takes its time */

static int make_once(void **state)
{
    (void)state;
    strcpy(made, "/tmp/opcua_pki_XXXXXX");
    if (!mkdtemp(made))
        return -1;
    struct opcua_pki_config config = {.directory = made, .application_uri = "urn:test:me"};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    opcua_pki_close(&pki);
    return 0;
}

static int remove_made(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", made);
    return system(command);
}

static int set_up_empty(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/opcua_pki_XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int set_up(void **state)
{
    char command[256];
    int s = set_up_empty(state);
    snprintf(command, sizeof command, "cp -r %s/. %s", made, directory);
    return s == 0 ? system(command) : s;
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
        .common_name = "server", .uri = uri, .wall_ms = now_ms, .days = days, .key = KEY_EC_P256};
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
    assert_int_equal(certificate_read(opcua_pki_own(pki).certificate, &facts), OK);
    assert_string_equal(facts.uri, "urn:test:me");
    char first[2 * CRYPTO_SHA1_LEN + 1], path[256];
    strcpy(first, facts.sha1);
    open_pki(false);
    assert_int_equal(certificate_read(opcua_pki_own(pki).certificate, &facts), OK);
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
    assert_int_equal(certificate_read(opcua_pki_own(pki).certificate, &facts), OK);
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

/* ---- issuers ---- */

struct authority {
    struct buffer pem, key;
};

static void make_authority(struct authority *a, struct buffer *der)
{
    struct certificate_ask ask = {
        .common_name = "site authority", .wall_ms = NOW_MS, .days = 100, .key = KEY_EC_P256};
    assert_int_equal(certificate_make_ca(&ask, &a->pem, &a->key), OK);
    assert_int_equal(certificate_der(buffer_slice(&a->pem), der), OK);
}

static void issue_server(struct authority *a, struct buffer *der)
{
    static const char *const names[] = {"plc.site", NULL};
    struct certificate_ask ask = {.common_name = "server",
                                  .names = names,
                                  .uri = "urn:server",
                                  .wall_ms = NOW_MS,
                                  .days = 100,
                                  .key = KEY_EC_P256};
    struct certificate_issuer issuer = {buffer_slice(&a->pem), buffer_slice(&a->key)};
    struct buffer pem = {0}, key = {0};
    assert_int_equal(certificate_issue(&ask, CERTIFICATE_BOTH, issuer, &pem, &key), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), der), OK);
    buffer_clear(&pem);
    buffer_clear(&key);
}

static UA_StatusCode verify_server(struct buffer *der, const char *url, const char *uri)
{
    return opcua_pki_verify_server(pki, buffer_slice(der), slice_of(url), slice_of(uri));
}

static void an_issuer_is_trusted_for_its_hosts_when_revocation_is_known(void **state)
{
    (void)state;
    open_pki(false);
    struct authority a = {0};
    struct buffer ca = {0}, server = {0};
    make_authority(&a, &ca);
    issue_server(&a, &server);
    assert_int_equal(verify_server(&server, "opc.tcp://plc.site:4840", "urn:server"),
                     UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_TRUSTED, buffer_slice(&ca), NULL), OK);
    assert_int_equal(verify_server(&server, "opc.tcp://plc.site:4840", "urn:server"),
                     UA_STATUSCODE_BADCERTIFICATEREVOCATIONUNKNOWN);
    opcua_pki_close(&pki);
    struct opcua_pki_config config = {.directory = directory,
                                      .application_uri = "urn:test:me",
                                      .accept_unknown_revocation = true};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    assert_int_equal(verify_server(&server, "opc.tcp://PLC.site:4840/x", "urn:server"),
                     UA_STATUSCODE_GOOD);
    assert_int_equal(verify_server(&server, "opc.tcp://10.0.0.1:4840", "urn:server"),
                     UA_STATUSCODE_BADCERTIFICATEHOSTNAMEINVALID);
    assert_int_equal(verify_server(&server, "opc.tcp://plc.site:4840", "urn:other"),
                     UA_STATUSCODE_BADCERTIFICATEURIINVALID);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_TRUSTED, buffer_slice(&server), NULL), OK);
    assert_int_equal(verify_server(&server, "opc.tcp://10.0.0.1:4840", "urn:server"),
                     UA_STATUSCODE_GOOD); /* somebody trusted this very one */
    buffer_clear(&a.pem);
    buffer_clear(&a.key);
    buffer_clear(&ca);
    buffer_clear(&server);
}

static void trusting_all_does_not_trust_what_is_not_in_order(void **state)
{
    (void)state;
    open_pki(true);
    struct buffer der = {0};
    make_server("urn:server", NOW_MS, 10, &der);
    assert_int_equal(verify_server(&der, "opc.tcp://other", "urn:other"),
                     UA_STATUSCODE_BADCERTIFICATEURIINVALID);
    assert_int_equal(verify_server(&der, "opc.tcp://other", "urn:server"), UA_STATUSCODE_GOOD);
    assert_int_equal(opcua_pki_counts(pki).rejected, 1);
    buffer_clear(&der);
}

/* ---- the own certificate ---- */

static struct slice own(void)
{
    return opcua_pki_own(pki).certificate;
}

/* An identity that a person made. */
static void make_identity(const char *name, const char *uri, unsigned days, struct buffer *der,
                          struct buffer *key)
{
    struct certificate_ask ask = {
        .common_name = name, .uri = uri, .wall_ms = NOW_MS, .days = days, .key = KEY_EC_P256};
    struct buffer pem = {0}, key_pem = {0};
    assert_int_equal(certificate_make_application(&ask, &pem, &key_pem), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), der), OK);
    assert_int_equal(key_der(buffer_slice(&key_pem), key), OK);
    buffer_clear(&pem);
    buffer_clear(&key_pem);
}

static void put_pfx(const char *file, struct buffer *der, struct buffer *key, const char *password)
{
    char path[256];
    struct buffer pfx = {0};
    path_of(file, path);
    assert_int_equal(identity_pfx(buffer_slice(der), buffer_slice(key), password, &pfx), OK);
    assert_int_equal(file_write(path, buffer_slice(&pfx)), OK);
    buffer_clear(&pfx);
}

static void an_own_certificate_that_is_there_is_taken_over_with_its_uri(void **state)
{
    (void)state;
    struct buffer der = {0}, key = {0};
    char path[256];
    path_of("own/private", path);
    assert_int_equal(file_make_directory(path), OK);
    make_identity("opc publisher", "urn:site:publisher", 300, &der, &key);
    put_pfx("own/private/opc publisher [1234].pfx", &der, &key, "secret");
    struct opcua_pki_config config = {.directory = directory, .own_password = "secret"};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    assert_slice(own(), buffer_slice(&der));
    assert_string_equal(opcua_pki_application_uri(pki), "urn:site:publisher");
    opcua_pki_close(&pki);
    config.application_uri = "urn:another"; /* one with it is made, unless told otherwise */
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    assert_false(slice_eq(own(), buffer_slice(&der)));
    assert_string_equal(opcua_pki_application_uri(pki), "urn:another");
    buffer_clear(&der);
    buffer_clear(&key);
}

static void an_own_certificate_is_renewed_before_its_end(void **state)
{
    (void)state;
    struct buffer der = {0}, key = {0};
    char path[256];
    path_of("own/private", path);
    assert_int_equal(file_make_directory(path), OK);
    make_identity("old", "urn:test:me", 20, &der, &key);
    put_pfx("own/private/old.pfx", &der, &key, NULL);
    open_pki(false);
    assert_false(slice_eq(own(), buffer_slice(&der)));
    assert_int_equal(opcua_pki_counts(pki).renewed, 1);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(own(), &facts), OK);
    assert_string_equal(facts.uri, "urn:test:me");
    buffer_clear(&der);
    buffer_clear(&key);
}

static void a_new_own_certificate_is_noticed_while_running(void **state)
{
    (void)state;
    struct buffer der = {0}, key = {0};
    open_pki(false);
    struct slice before = own();
    make_identity("better", "urn:test:me", 5000, &der, &key);
    put_pfx("own/private/better.pfx", &der, &key, NULL);
    assert_slice(own(), buffer_slice(&der));
    assert_true(before.len > 0); /* who uses the old one may go on */
    buffer_clear(&der);
    buffer_clear(&key);
}

static void the_own_certificate_is_among_the_trusted_when_told_so(void **state)
{
    (void)state;
    struct opcua_pki_config config = {.directory = directory, .trust_self = true};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    assert_int_equal(files_in("trusted/certs"), 1);
    assert_int_equal(opcua_pki_verify(pki, own()), UA_STATUSCODE_GOOD);
}

/* ---- the stores ---- */

static void count(void *arg, struct slice der, bool has_key)
{
    (void)der;
    *(int *)arg += has_key ? 100 : 1;
}

static int certificates_in(enum opcua_pki_store store)
{
    int n = 0;
    opcua_pki_certificates(pki, store, count, &n);
    return n;
}

static struct slice thumbprint(struct buffer *der)
{
    static struct certificate_facts facts;
    assert_int_equal(certificate_read(buffer_slice(der), &facts), OK);
    return slice_of(facts.sha1);
}

static void a_rejected_one_is_approved_by_its_thumbprint(void **state)
{
    (void)state;
    open_pki(false);
    struct buffer der = {0};
    make_server("urn:server", NOW_MS, 10, &der);
    assert_int_equal(opcua_pki_approve(pki, thumbprint(&der)), NOT_FOUND);
    assert_int_not_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    assert_int_equal(certificates_in(OPCUA_PKI_REJECTED), 1);
    assert_int_equal(opcua_pki_approve(pki, (struct slice){0}), NOT_FOUND);
    assert_int_equal(opcua_pki_approve(pki, thumbprint(&der)), OK);
    assert_int_equal(certificates_in(OPCUA_PKI_REJECTED), 0);
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    assert_int_equal(opcua_pki_remove(pki, OPCUA_PKI_TRUSTED, thumbprint(&der)), OK);
    assert_int_equal(opcua_pki_remove(pki, OPCUA_PKI_TRUSTED, thumbprint(&der)), NOT_FOUND);
    buffer_clear(&der);
}

static void a_chain_goes_to_two_stores(void **state)
{
    (void)state;
    open_pki(false);
    struct authority a = {0};
    struct buffer ca = {0}, chain = {0};
    make_authority(&a, &ca);
    issue_server(&a, &chain);
    buffer_put(&chain, buffer_slice(&ca));
    assert_int_equal(opcua_pki_add_chain(pki, OPCUA_PKI_TRUSTED, buffer_slice(&chain)), OK);
    assert_int_equal(certificates_in(OPCUA_PKI_TRUSTED), 1);
    assert_int_equal(certificates_in(OPCUA_PKI_ISSUER), 1);
    buffer_text(&chain, "rest");
    assert_int_equal(opcua_pki_add_chain(pki, OPCUA_PKI_TRUSTED, buffer_slice(&chain)), BAD_FORMAT);
    assert_int_equal(opcua_pki_add_chain(pki, OPCUA_PKI_TRUSTED, (struct slice){0}), BAD_FORMAT);
    assert_int_equal(opcua_pki_remove_all(pki, OPCUA_PKI_ISSUER), OK);
    assert_int_equal(certificates_in(OPCUA_PKI_ISSUER), 0);
    buffer_clear(&a.pem);
    buffer_clear(&a.key);
    buffer_clear(&ca);
    buffer_clear(&chain);
}

static void what_is_no_certificate_is_not_added(void **state)
{
    (void)state;
    open_pki(false);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_TRUSTED, SLICE("nonsense"), NULL), BAD_FORMAT);
    assert_int_equal(opcua_pki_add_revocation(pki, OPCUA_PKI_TRUSTED, SLICE("nonsense")),
                     BAD_FORMAT);
    assert_int_equal(opcua_pki_remove_revocation(pki, OPCUA_PKI_TRUSTED, SLICE("nonsense")),
                     BAD_FORMAT);
    uint8_t *large = calloc(1, OPCUA_PKI_FILE_MAX + 1);
    struct slice s = slice_from(large, OPCUA_PKI_FILE_MAX + 1);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_TRUSTED, s, NULL), TOO_LARGE);
    free(large);
    assert_int_equal(files_in("trusted/certs"), 0);
}

static void the_own_certificate_in_use_stays(void **state)
{
    (void)state;
    open_pki(false);
    struct certificate_facts facts;
    assert_int_equal(certificate_read(own(), &facts), OK);
    assert_int_equal(certificates_in(OPCUA_PKI_OWN), 100);
    assert_int_equal(opcua_pki_remove(pki, OPCUA_PKI_OWN, slice_of(facts.sha1)), FORBIDDEN);
    assert_int_equal(opcua_pki_remove_all(pki, OPCUA_PKI_OWN), FORBIDDEN);
}

static void stores_have_the_names_of_the_api(void **state)
{
    (void)state;
    enum opcua_pki_store store;
    assert_int_equal(opcua_pki_store_of(SLICE("trusted"), &store), OK);
    assert_int_equal(store, OPCUA_PKI_TRUSTED);
    assert_int_equal(opcua_pki_store_of(SLICE("TrustedUser"), &store), OK);
    assert_int_equal(store, OPCUA_PKI_USERS);
    assert_int_equal(opcua_pki_store_of(SLICE("others"), &store), NOT_FOUND);
}

static void a_flat_folder_holds_all_kinds(void **state)
{
    (void)state;
    char flat[256], path[512];
    struct buffer der = {0}, key = {0};
    path_of("mounted", flat);
    assert_int_equal(file_make_directory(flat), OK);
    make_identity("mounted", "urn:mounted", 300, &der, &key);
    snprintf(path, sizeof path, "%s/tls.crt", flat);
    assert_int_equal(file_write(path, buffer_slice(&der)), OK);
    snprintf(path, sizeof path, "%s/tls.key", flat);
    assert_int_equal(file_write(path, buffer_slice(&key)), OK);
    struct opcua_pki_config config = {.directory = directory,
                                      .folders[OPCUA_PKI_OWN] = {flat, true},
                                      .folders[OPCUA_PKI_TRUSTED] = {flat, true}};
    assert_int_equal(opcua_pki_open(&config, &pki), OK);
    assert_slice(own(), buffer_slice(&der));
    assert_int_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    buffer_clear(&der);
    buffer_clear(&key);
}

static void the_rejected_are_bounded(void **state)
{
    (void)state;
    open_pki(false);
    char path[256], name[64];
    for (int i = 0; i < 80; i++) {
        snprintf(name, sizeof name, "rejected/certs/%d.der", i);
        path_of(name, path);
        assert_int_equal(file_write(path, SLICE("x")), OK);
    }
    struct buffer der = {0};
    make_server("urn:server", NOW_MS, 10, &der);
    assert_int_not_equal(opcua_pki_verify(pki, buffer_slice(&der)), UA_STATUSCODE_GOOD);
    assert_int_equal(files_in("rejected/certs"), 64);
    buffer_clear(&der);
}

/* ---- users ---- */

static void is_found(const char *who, const char *password, enum status how)
{
    struct opcua_pki_user user = {0};
    assert_int_equal(opcua_pki_user(pki, slice_of(who), password, &user), how);
    if (how == OK)
        assert_true(identity_fits(slice_from(user.certificate, user.certificate_len),
                                  slice_from(user.key, user.key_len)));
    opcua_pki_user_clear(&user);
}

static void a_user_is_found_by_thumbprint_or_subject(void **state)
{
    (void)state;
    open_pki(false);
    struct buffer der = {0}, key = {0}, pfx = {0};
    make_identity("operator", "urn:operator", 300, &der, &key);
    assert_int_equal(identity_pfx(buffer_slice(&der), buffer_slice(&key), "secret", &pfx), OK);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_USERS, buffer_slice(&pfx), "wrong"),
                     UNAUTHORIZED);
    assert_int_equal(opcua_pki_add(pki, OPCUA_PKI_USERS, buffer_slice(&pfx), "secret"), OK);
    assert_int_equal(certificates_in(OPCUA_PKI_USERS), 100);
    is_found("operator", "secret", OK);
    is_found("CN=operator", "secret", OK);
    is_found("cn=operator", "secret", OK);
    is_found((const char *)thumbprint(&der).at, "secret", OK);
    is_found("operator", "wrong", UNAUTHORIZED);
    is_found("CN=operator,O=else", "secret", NOT_FOUND);
    is_found("nobody", "secret", NOT_FOUND);
    assert_int_equal(opcua_pki_remove(pki, OPCUA_PKI_USERS, thumbprint(&der)), OK);
    assert_int_equal(files_in("users/private"), 0);
    buffer_clear(&der);
    buffer_clear(&key);
    buffer_clear(&pfx);
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
#define FIRST(name) cmocka_unit_test_setup_teardown(name, set_up_empty, tear_down)
    const struct CMUnitTest tests[] = {
        FIRST(the_own_certificate_is_made_once_and_its_key_is_private),
        TEST(a_broken_own_certificate_is_made_anew),
        TEST(nobody_is_trusted_by_himself),
        TEST(a_moved_file_is_trusted_at_once_and_a_broken_one_beside_it_does_not_matter),
        TEST(what_has_run_out_is_refused_even_when_all_are_trusted),
        TEST(nonsense_is_refused),
        TEST(an_issuer_is_trusted_for_its_hosts_when_revocation_is_known),
        TEST(trusting_all_does_not_trust_what_is_not_in_order),
        FIRST(an_own_certificate_that_is_there_is_taken_over_with_its_uri),
        FIRST(an_own_certificate_is_renewed_before_its_end),
        TEST(a_new_own_certificate_is_noticed_while_running),
        TEST(the_own_certificate_is_among_the_trusted_when_told_so),
        TEST(a_rejected_one_is_approved_by_its_thumbprint),
        TEST(a_chain_goes_to_two_stores),
        TEST(what_is_no_certificate_is_not_added),
        TEST(the_own_certificate_in_use_stays),
        TEST(stores_have_the_names_of_the_api),
        FIRST(a_flat_folder_holds_all_kinds),
        TEST(the_rejected_are_bounded),
        TEST(a_user_is_found_by_thumbprint_or_subject),
        FIRST(a_directory_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_once, remove_made);
}
