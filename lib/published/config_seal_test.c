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
    struct buffer out = {0}, why = {0};
    unsigned count = 0;
    unknown = (struct slice){0};
    assert_int_equal(config_seal(slice_of(text), seal, &count, &out, &why), OK);
    assert_string_equal(buffer_cstr(&out), wanted);
    assert_int_equal(why.len, 0);
    buffer_clear(&out);
    buffer_clear(&why);
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
        "[{\"EndpointUrl\": \"opc.tcp://a\", " NODES "}]",
        "[{\"OpcAuthenticationPassword\": \"\", \"EncryptedAuthPassword\": \"<it>\"}]",
        "[{" ENTRY
        "\"EncryptedAuthUsername\": \"<me>\", \"EncryptedAuthPassword\": \"<it>\", " NODES "}]",
        "[{\"broken\": 1}, 7]",
        "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcAuthenticationMode\": \"Certificate\", "
        "\"OpcAuthenticationUsername\": \"CN=me\", " NODES "}]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect(texts[i], texts[i]);
}

#define USER "\"OpcAuthenticationUsername\": \"me\""
#define PASSWORD "\"OpcAuthenticationPassword\": \"it\""
#define SEALED_USER "\"EncryptedAuthUsername\": \"<me>\""
#define SEALED_PASSWORD "\"EncryptedAuthPassword\": \"<it>\""
#define PLC "\"EndpointUrl\": \"opc.tcp://a\", "

/* Whether it is ever used, or the reader takes the entry at all. */
static void no_plain_text_stays_whatever_the_entry(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        /* refused: no server, another's scheme, a member of the wrong kind, no user */
        {"[{" USER ", " PASSWORD "}]", "[{" SEALED_USER ", " SEALED_PASSWORD "}]"},
        {"[7, {\"EndpointUrl\": \"http://a\", " USER ", \"OPCAUTHENTICATIONPASSWORD\": \"it\"}, {" ENTRY
         USER "}]",
         "[7, {\"EndpointUrl\": \"http://a\", " SEALED_USER ", " SEALED_PASSWORD "}, {" ENTRY
         SEALED_USER "}]"},
        {"[{" ENTRY "\"BatchSize\": {}, " PASSWORD ", " USER "}]",
         "[{" ENTRY "\"BatchSize\": {}, " SEALED_PASSWORD ", " SEALED_USER "}]"},
        {"[{" ENTRY PASSWORD "}]", "[{" ENTRY SEALED_PASSWORD "}]"},
        {"[{" PLC "\"OpcAuthenticationMode\": \"Nonsense\", " PASSWORD "}]",
         "[{" PLC "\"OpcAuthenticationMode\": \"Nonsense\", " SEALED_PASSWORD "}]"},
        /* Anonymous, whether it is said or not */
        {"[{" PLC USER ", " PASSWORD ", " NODES "}]",
         "[{" PLC SEALED_USER ", " SEALED_PASSWORD ", " NODES "}]"},
        {"[{" PLC "\"OpcAuthenticationMode\": \"Anonymous\", " PASSWORD "}]",
         "[{" PLC "\"OpcAuthenticationMode\": \"Anonymous\", " SEALED_PASSWORD "}]"},
        /* a certificate with a password */
        {"[{" PLC "\"OpcAuthenticationMode\": \"Certificate\", " USER ", " PASSWORD ", " NODES "}]",
         "[{" PLC "\"OpcAuthenticationMode\": \"Certificate\", " SEALED_USER ", " SEALED_PASSWORD
         ", " NODES "}]"},
        /* of no effect beside one that is encrypted, or beside a later one in another spelling */
        {"[{" ENTRY SEALED_USER ", " SEALED_PASSWORD ", \"OpcAuthenticationPassword\": \"old\"}]",
         "[{" ENTRY SEALED_USER ", " SEALED_PASSWORD ", \"OpcAuthenticationPassword\": null}]"},
        {"[{" ENTRY PASSWORD ", \"opcAuthenticationPassword\": \"\", " USER "}]",
         "[{" ENTRY "\"OpcAuthenticationPassword\": null, \"opcAuthenticationPassword\": \"\", "
         SEALED_USER "}]"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        expect(pairs[i][0], pairs[i][1]);
}

/* What held before holds afterwards. */
static void of_halves_those_go_on_that_had_an_effect(void **state)
{
    (void)state;
    expect("[{" ENTRY SEALED_USER ", " PASSWORD "}]", "[{" ENTRY SEALED_USER ", " SEALED_PASSWORD "}]");
    expect("[{" ENTRY USER ", \"EncryptedAuthPassword\": \"old\"}]",
           "[{" ENTRY SEALED_USER ", \"EncryptedAuthPassword\": null}]");
}

static void what_is_no_text_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const values[] = {"1234", "true", "{\"is\": \"it\"}", "[\"it\"]"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buffer text = {0}, out = {0}, why = {0};
        unsigned count = 0;
        unknown = (struct slice){0};
        buffer_printf(&text, "[{" ENTRY USER "},\n{" PLC "\n\"opcAuthenticationPassword\": %s}]", values[i]);
        assert_int_equal(config_seal(buffer_slice(&text), seal, &count, &out, &why), BAD_ARGUMENT);
        assert_string_equal(buffer_cstr(&why),
                            "line 3, entry of \"opc.tcp://a\": opcAuthenticationPassword is no text and "
                            "cannot be encrypted (credentials.encrypted, --fe): write it in quotes, or "
                            "take it out; nothing was changed");
        assert_int_equal(out.len, 0);
        buffer_clear(&text);
        buffer_clear(&out);
        buffer_clear(&why);
    }
}

static void all_are_asked_for_though_one_is_missing(void **state)
{
    (void)state;
    struct buffer out = {0}, why = {0};
    unsigned count = 0;
    unknown = SLICE("me");
    buffer_text(&out, "before");
    assert_int_equal(config_seal(SLICE("[{" ENTRY "\"OpcAuthenticationUsername\": \"me\", "
                                       "\"OpcAuthenticationPassword\": \"it\", " NODES "}]"),
                                 seal, &count, &out, &why),
                     AGAIN);
    assert_int_equal(count, 2);
    assert_string_equal(buffer_cstr(&out), "before");
    assert_int_equal(config_seal(SLICE("{"), seal, &count, &out, &why), BAD_FORMAT);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_and_passwords_are_encrypted_and_all_else_stays),
        cmocka_unit_test(what_stands_there_twice_is_there_once),
        cmocka_unit_test(what_needs_none_is_as_it_was),
        cmocka_unit_test(no_plain_text_stays_whatever_the_entry),
        cmocka_unit_test(of_halves_those_go_on_that_had_an_effect),
        cmocka_unit_test(what_is_no_text_is_refused_with_its_place),
        cmocka_unit_test(all_are_asked_for_though_one_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
