#include "opcua/certificate_json.h"

#include "crypto/certificate_names.h"
#include "crypto/identity.h"

bool opcua_certificate_begin(struct json_writer *w, struct slice der)
{
    struct certificate_facts facts;
    struct certificate_names names;
    if (certificate_read(der, &facts) != OK || certificate_names(der, &names) != OK)
        return false;
    for (char *c = facts.sha1; *c; c++) /* as .NET prints it */
        *c = *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
    json_object(w);
    json_name(w, "subject"), json_put_text(w, names.subject);
    json_name(w, "thumbprint"), json_put_text(w, facts.sha1);
    json_name(w, "serialNumber"), json_put_text(w, names.serial);
    json_name(w, "notBeforeUtc"), json_put_time(w, facts.not_before_ms);
    json_name(w, "notAfterUtc"), json_put_time(w, facts.not_after_ms);
    json_name(w, "selfSigned"), json_put_bool(w, facts.self_signed);
    return true;
}

void opcua_certificate_put_pfx(struct json_writer *w, struct slice der)
{
    struct buffer pfx = {0};
    if (identity_pfx(der, (struct slice){0}, NULL, &pfx) == OK) {
        json_name(w, "pfx");
        json_array(w);
        for (size_t i = 0; i < pfx.len; i++)
            json_put_u64(w, pfx.at[i]);
        json_end_array(w);
    }
    buffer_clear(&pfx);
}
