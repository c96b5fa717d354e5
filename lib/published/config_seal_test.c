#include "published/config_seal.h"

#include <stdio.h>

#include "base/cmocka.h"

static struct slice unknown;

static bool seal(void *arg, struct slice plain, struct slice *cipher)
{
    static char room[4][64];
    unsigned *count = arg;
    char *text = room[(*count)++ % 4];
    snprintf(text, sizeof room[0], "<%.*s>", SLICE_FMT(plain));
    *cipher = slice_of(text);
    return !slice_eq(plain, unknown);
}

static void expect(const char *text, const char *wanted)
{
    struct buffer out = {0};
    unsigned count = 0;
    unknown = (struct slice){0};
    assert_int_equal(config_seal(slice_of(text), seal, &count, &out), OK);
    assert_string_equal(buffer_cstr(&out), wanted);
    buffer_clear(&out);
}

#define NODES "\"OpcNodes\": [{\"Id\": \"i=1\"}]"
#define ENTRY "\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationMode\": \"UsernamePassword\", "

static void users_and_passwords_are_encrypted_and_all_else_stays(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf/* [ { */ [\n  // mine\n  { " ENTRY
           "\"opcauthenticationusername\" : \"me\", /* { */ \"Unknown\": [1, 2],\n"
           "    \"OpcAuthentication\\u0050assword\": \"s\\u0065cret\", " NODES " },\n"
           "  { \"EndpointUrl\": \"opc.tcp://b\", " NODES " },\n]\n",
           "\xef\xbb\xbf/* [ { */ [\n  // mine\n  { " ENTRY
           "\"EncryptedAuthUsername\": \"<me>\", /* { */ \"Unknown\": [1, 2],\n"
           "    \"EncryptedAuthPassword\": \"<secret>\", " NODES " },\n"
           "  { \"EndpointUrl\": \"opc.tcp://b\", " NODES " },\n]\n");
}

/* A file that has both, or one in two spellings, has each name once afterwards. */
static void what_stands_there_twice_is_there_once(void **state)
{
    (void)state;
    expect("[{" ENTRY
           "\"EncryptedAuthUsername\": \"old\", \"OpcAuthenticationUsername\": \"me\", " NODES "}]",
           "[{" ENTRY
           "\"EncryptedAuthUsername\": \"<me>\", \"OpcAuthenticationUsername\": null, " NODES "}]");
    expect("[{" ENTRY
           "\"OpcAuthenticationUsername\": \"me\", \"opcAuthenticationUsername\": \"me\", " NODES
           "}]",
           "[{" ENTRY
           "\"EncryptedAuthUsername\": \"<me>\", \"opcAuthenticationUsername\": null, " NODES "}]");
}

static void what_needs_none_is_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationUsername\": \"me\", " NODES "}]",
        "[{" ENTRY
        "\"EncryptedAuthUsername\": \"<me>\", \"EncryptedAuthPassword\": \"<it>\", " NODES "}]",
        "[{\"broken\": 1}, 7]",
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationMode\": \"Certificate\", "
        "\"OpcAuthenticationUsername\": \"CN=me\", " NODES "}]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect(texts[i], texts[i]);
}

static void all_are_asked_for_though_one_is_missing(void **state)
{
    (void)state;
    struct buffer out = {0};
    unsigned count = 0;
    unknown = SLICE("me");
    buffer_text(&out, "before");
    assert_int_equal(config_seal(SLICE("[{" ENTRY "\"OpcAuthenticationUsername\": \"me\", "
                                       "\"OpcAuthenticationPassword\": \"it\", " NODES "}]"),
                                 seal, &count, &out),
                     AGAIN);
    assert_int_equal(count, 2);
    assert_string_equal(buffer_cstr(&out), "before");
    assert_int_equal(config_seal(SLICE("{"), seal, &count, &out), BAD_FORMAT);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_passwords_are_encrypted_and_all_else_stays),
        cmocka_unit_test(what_stands_there_twice_is_there_once),
        cmocka_unit_test(what_needs_none_is_as_it_was),
        cmocka_unit_test(all_are_asked_for_though_one_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
