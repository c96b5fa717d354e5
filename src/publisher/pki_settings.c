#include "publisher/pki_settings.h"

/* clang-format off */
const struct setting pki_settings[] = {
    {"pki", SETTING_PATH, "~/.local/state/millrace/opc/pki", "folder with the own OPC UA certificate, and whom to trust", 0, 0, NULL, false},
    {"pki.own", SETTING_PATH, NULL, "folder of the own certificate, in the place of own/ there; so also:", 0, 0, NULL, false},
    {"pki.trusted", SETTING_PATH, NULL, "folder of trusted servers and issuers", 0, 0, NULL, false},
    {"pki.issuer", SETTING_PATH, NULL, "folder of issuers that complete a chain", 0, 0, NULL, false},
    {"pki.rejected", SETTING_PATH, NULL, "folder of rejected certificates", 0, 0, NULL, false},
    {"pki.users", SETTING_PATH, NULL, "folder of certificates with keys, to sign in to servers with", 0, 0, NULL, false},
    {"pki.users.issuer", SETTING_PATH, NULL, "folder of those users' issuers", 0, 0, NULL, false},
    {"pki.own.flat", SETTING_BOOL, "false", "its files lie in it directly, without certs, crl and private, as in mounted secrets; so also:", 0, 0, NULL, false},
    {"pki.trusted.flat", SETTING_BOOL, "false", "the same for this folder", 0, 0, NULL, false},
    {"pki.issuer.flat", SETTING_BOOL, "false", "the same for this folder", 0, 0, NULL, false},
    {"pki.rejected.flat", SETTING_BOOL, "false", "the same for this folder", 0, 0, NULL, false},
    {"pki.users.flat", SETTING_BOOL, "false", "the same for this folder", 0, 0, NULL, false},
    {"pki.users.issuer.flat", SETTING_BOOL, "false", "the same for this folder", 0, 0, NULL, false},
    {"pki.uri", SETTING_TEXT, NULL, "application URI; else the own certificate's, or urn:HOST:millrace", 0, 0, NULL, false},
    {"pki.name", SETTING_TEXT, "millrace", "application name, and subject of a certificate that is made", 0, 0, NULL, false},
    {"pki.password", SETTING_TEXT, NULL, "password of the own certificate's key", 0, 0, NULL, true},
    {"pki.adopt", SETTING_BOOL, "false", "takes an own certificate that is there, whatever its application URI is", 0, 0, NULL, false},
    {"pki.trust.self", SETTING_BOOL, "true", "puts the own certificate into the trusted folder", 0, 0, NULL, false},
    {"pki.trust.all", SETTING_BOOL, "false", "trusts every OPC UA server; for first tries", 0, 0, NULL, false},
    {"pki.revocation", SETTING_BOOL, "true", "refuses a server whose issuers have no valid revocation list here", 0, 0, NULL, false},
    {"pki.sha1", SETTING_BOOL, "false", "accepts certificates that are signed with SHA-1", 0, 0, NULL, false},
    {"pki.key.bits", SETTING_INTEGER, "1024", "RSA keys of servers have at least so many; 0: as many", 0, 16384, NULL, false},
};
/* clang-format on */

const size_t pki_settings_count = sizeof pki_settings / sizeof pki_settings[0];

static const struct folder {
    const char *path, *flat; /* settings */
    enum opcua_pki_store store;
} folders[] = {
    {"pki.own", "pki.own.flat", OPCUA_PKI_OWN},
    {"pki.trusted", "pki.trusted.flat", OPCUA_PKI_TRUSTED},
    {"pki.issuer", "pki.issuer.flat", OPCUA_PKI_ISSUER},
    {"pki.rejected", "pki.rejected.flat", OPCUA_PKI_REJECTED},
    {"pki.users", "pki.users.flat", OPCUA_PKI_USERS},
    {"pki.users.issuer", "pki.users.issuer.flat", OPCUA_PKI_USERS_ISSUER},
};

struct opcua_pki_config pki_settings_read(const struct settings *s)
{
    struct opcua_pki_config c = {
        .directory = settings_text(s, "pki"),
        .application_uri = settings_text(s, "pki.uri"),
        .application_name = settings_text(s, "pki.name"),
        .own_password = settings_text(s, "pki.password"),
        .adopt = settings_bool(s, "pki.adopt"),
        .trust_self = settings_bool(s, "pki.trust.self"),
        .trust_all = settings_bool(s, "pki.trust.all"),
        .accept_unknown_revocation = !settings_bool(s, "pki.revocation"),
        .accept_sha1 = settings_bool(s, "pki.sha1"),
        .key_bits_min = (unsigned)settings_integer(s, "pki.key.bits"),
    };
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct opcua_pki_folder *f = &c.folders[folders[i].store];
        f->path = settings_text(s, folders[i].path);
        f->flat = settings_bool(s, folders[i].flat);
    }
    return c;
}
