#include "opcua/certificate_json.h"

#include "crypto/certificate_names.h"

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
