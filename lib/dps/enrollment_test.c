#include "dps/enrollment.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "crypto/certificate.h"

static struct arena arena;

static enum status read_as(enum dps_kind kind, const char *text,
                           const struct dps_enrollment *before, struct dps_enrollment *e,
                           const char **why)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(slice_of(text), JSON_STRICT, &doc, NULL), OK);
    enum status s = dps_enrollment_read(kind, json_root(doc), before, &arena, e, why);
    /* Texts are the document's, which ends here. */
    struct slice *texts[] = {&e->id,
                             &e->device_id,
                             &e->host_name,
                             &e->webhook_url,
                             &e->webhook_version,
                             &e->keys.primary,
                             &e->keys.secondary,
                             &e->certificates.primary,
                             &e->certificates.secondary};
    for (size_t i = 0; s == OK && i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_copy(&arena, *texts[i]);
    for (size_t i = 0; s == OK && i < e->hub_count; i++)
        e->hubs[i] = arena_copy(&arena, e->hubs[i]);
    json_free(&doc);
    return s;
}

static struct dps_enrollment good(const char *text)
{
    struct dps_enrollment e = {0};
    const char *why = NULL;
    enum status s = read_as(DPS_INDIVIDUAL, text, NULL, &e, &why);
    if (s != OK)
        print_error("%s\n", why);
    assert_int_equal(s, OK);
    return e;
}

#define KEYS "\"attestation\":{\"type\":\"symmetricKey\"}"

static void ids_are_letters_digits_and_four_marks(void **state)
{
    (void)state;
    char longest[DPS_ID_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(dps_id_ok(SLICE("a")));
    assert_true(dps_id_ok(SLICE("A-1.b_c:9-")));
    assert_true(dps_id_ok(slice_from(longest, DPS_ID_MAX)));
    assert_false(dps_id_ok(slice_from(longest, DPS_ID_MAX + 1)));
    static const char *const bad[] = {"", "a.", "a:", "a_", "a b", "a/b", "a'b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(dps_id_ok(slice_of(bad[i])));
    assert_slice(dps_id_key(&arena, SLICE("Ab-9")), SLICE("ab-9"));
}

static void what_is_left_out_has_azures_defaults(void **state)
{
    (void)state;
    struct dps_enrollment e = good("{\"registrationId\":\"a\"," KEYS "}");
    assert_true(e.enabled && e.update_hub && e.migrate && !e.edge);
    assert_int_equal(e.allocation, DPS_HASHED);
    assert_int_equal(e.hub_count, 0);
    assert_int_equal(e.keys.primary.len, 88); /* made: base64 of 64 bytes */
    assert_false(slice_eq(e.keys.primary, e.keys.secondary));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct dps_enrollment e = good(
        "{\"registrationId\":\"Dev-1\",\"deviceId\":\"d-1\",\"unknown\":1," KEYS
        ",\"provisioningStatus\":\"disabled\",\"capabilities\":{\"iotEdge\":true},"
        "\"reprovisionPolicy\":{\"updateHubAssignment\":false,\"migrateDeviceData\":false},"
        "\"allocationPolicy\":\"custom\",\"iotHubs\":[\"a\",\"b\"],"
        "\"customAllocationDefinition\":{\"webhookUrl\":\"https://x/y?z\",\"apiVersion\":\"v\"},"
        "\"initialTwin\":{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"d\":[1,{}]}}},"
        "\"optionalDeviceInformation\":{\"serial\":7}}");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_object(&w);
    dps_enrollment_put(&e, true, &w);
    json_end_object(&w);
    struct dps_enrollment again = good(buffer_cstr(&text));
    struct buffer second = {0};
    w = json_writer(&second);
    json_object(&w);
    dps_enrollment_put(&again, true, &w);
    json_end_object(&w);
    assert_string_equal(buffer_cstr(&text), buffer_cstr(&second));
    assert_slice(again.keys.secondary, e.keys.secondary);
    assert_int_equal(again.hub_count, 2);
    assert_false(again.enabled || again.update_hub || again.migrate);
    buffer_reset(&second);
    w = json_writer(&second);
    json_object(&w);
    dps_enrollment_put(&e, false, &w);
    json_end_object(&w);
    assert_null(strstr(buffer_cstr(&second), "primaryKey"));
    buffer_clear(&text);
    buffer_clear(&second);
}

static void secrets_that_a_change_leaves_out_stay(void **state)
{
    (void)state;
    struct dps_enrollment e = good("{\"registrationId\":\"a\"," KEYS "}"), changed = {0};
    const char *why;
    assert_int_equal(
        read_as(DPS_INDIVIDUAL, "{\"registrationId\":\"a\"," KEYS "}", &e, &changed, &why), OK);
    assert_slice(changed.keys.primary, e.keys.primary);
    assert_slice(changed.keys.secondary, e.keys.secondary);
}

static void certificates_are_described_and_kept(void **state)
{
    (void)state;
    struct buffer pem = {0}, key = {0}, text = {0};
    struct certificate_ask ask = {.common_name = "dev", .wall_ms = 1700000000000, .days = 9};
    assert_int_equal(certificate_make_ca(&ask, &pem, &key), OK);
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_name(&w, "registrationId"), json_put_text(&w, "dev");
    json_name(&w, "attestation"), json_object(&w);
    json_name(&w, "type"), json_put_text(&w, "x509");
    json_name(&w, "x509"), json_object(&w);
    json_name(&w, "clientCertificates"), json_object(&w);
    json_name(&w, "primary"), json_object(&w);
    json_name(&w, "certificate"), json_put_string(&w, buffer_slice(&pem));
    for (int i = 0; i < 5; i++)
        json_end_object(&w);
    struct dps_enrollment e = good(buffer_cstr(&text)), changed;
    buffer_reset(&text);
    w = json_writer(&text);
    json_object(&w);
    dps_enrollment_put(&e, false, &w);
    json_end_object(&w);
    assert_non_null(strstr(buffer_cstr(&text), "\"subjectName\":\"CN=dev\""));
    assert_non_null(strstr(buffer_cstr(&text), "\"sha256Thumbprint\""));
    assert_null(strstr(buffer_cstr(&text), "BEGIN CERTIFICATE"));
    const char *why;
    assert_int_equal(read_as(DPS_INDIVIDUAL, buffer_cstr(&text), &e, &changed, &why), OK);
    assert_slice(changed.certificates.primary, e.certificates.primary);
    assert_int_equal(read_as(DPS_INDIVIDUAL, buffer_cstr(&text), NULL, &changed, &why),
                     BAD_ARGUMENT); /* nobody has it */
    buffer_clear(&pem);
    buffer_clear(&key);
    buffer_clear(&text);
}

static const struct {
    enum dps_kind kind;
    const char *text, *why;
} bad[] = {
    {DPS_INDIVIDUAL, "[]", "object"},
    {DPS_INDIVIDUAL, "{" KEYS "}", "registrationId"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a/b\"," KEYS "}", "registrationId"},
    {DPS_GROUP, "{\"registrationId\":\"a\"," KEYS "}", "enrollmentGroupId"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\"}", "attestation.type"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"attestation\":5}",
     "attestation: must be an object"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"deviceId\":\"\xc3\xa4\"," KEYS "}", "deviceId"},
    {DPS_INDIVIDUAL,
     "{\"registrationId\":\"a\",\"attestation\":{\"type\":\"symmetricKey\",\"symmetricKey\":{"
     "\"primaryKey\":\"YQ==\"}}}",
     "primaryKey"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"attestation\":{\"type\":\"x509\",\"x509\":{}}}",
     "one of clientCertificates"},
    {DPS_INDIVIDUAL,
     "{\"registrationId\":\"a\",\"attestation\":{\"type\":\"x509\",\"x509\":{"
     "\"signingCertificates\":{}}}}",
     "is for groups"},
    {DPS_GROUP,
     "{\"enrollmentGroupId\":\"a\",\"attestation\":{\"type\":\"x509\",\"x509\":{"
     "\"clientCertificates\":{}}}}",
     "individual"},
    {DPS_GROUP,
     "{\"enrollmentGroupId\":\"a\",\"attestation\":{\"type\":\"x509\",\"x509\":{\"caReferences\":{}"
     "}}}",
     "caReferences"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"provisioningStatus\":\"maybe\"," KEYS "}",
     "provisioningStatus"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"capabilities\":{\"iotEdge\":1}," KEYS "}",
     "capabilities.iotEdge: must be true or false"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"allocationPolicy\":\"best\"," KEYS "}",
     "allocationPolicy"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"allocationPolicy\":\"static\"," KEYS "}",
     "iotHubs"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"iotHubs\":[5]," KEYS "}", "iotHubs"},
    {DPS_INDIVIDUAL,
     "{\"registrationId\":\"a\",\"allocationPolicy\":\"custom\",\"customAllocationDefinition\":{"
     "\"webhookUrl\":\"ftp://x\"}," KEYS "}",
     "webhookUrl"},
    {DPS_INDIVIDUAL, "{\"registrationId\":\"a\",\"initialTwin\":{\"tags\":7}," KEYS "}",
     "initialTwin"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dps_enrollment e;
        const char *why = NULL;
        assert_int_equal(read_as(bad[i].kind, bad[i].text, NULL, &e, &why), BAD_ARGUMENT);
        if (strstr(why, bad[i].why) == NULL)
            fail_msg("%s: '%s' lacks '%s'", bad[i].text, why, bad[i].why);
    }
    struct dps_enrollment e;
    const char *why;
    assert_int_equal(read_as(DPS_INDIVIDUAL,
                             "{\"registrationId\":\"a\",\"attestation\":{\"type\":\"tpm\"}}", NULL,
                             &e, &why),
                     UNSUPPORTED);
    assert_non_null(strstr(why, "TPM is not supported"));
}

static void hubs_must_be_linked(void **state)
{
    (void)state;
    const char *why = NULL;
    struct slice linked[] = {SLICE("hub-a"), SLICE("hub-b")};
    struct dps_enrollment e = good("{\"registrationId\":\"a\",\"iotHubs\":[\"HUB-B\"]," KEYS "}");
    assert_int_equal(dps_enrollment_check_hubs(&e, linked, 2, &arena, &why), OK);
    assert_int_equal(dps_enrollment_check_hubs(&e, linked, 1, &arena, &why), BAD_ARGUMENT);
    assert_non_null(strstr(why, "HUB-B"));
    e = good("{\"registrationId\":\"a\",\"iotHubHostName\":\"hub-a\"," KEYS "}");
    assert_int_equal(e.allocation, DPS_STATIC); /* the older way to name the one hub */
    assert_int_equal(e.hub_count, 1);
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_letters_digits_and_four_marks),
        cmocka_unit_test(what_is_left_out_has_azures_defaults),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(secrets_that_a_change_leaves_out_stay),
        cmocka_unit_test(certificates_are_described_and_kept),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(hubs_must_be_linked),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
