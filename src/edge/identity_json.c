#include "edge/identity_json.h"

static const struct {
    const char *name;
    enum heads_auth auth;
} auths[] = {
    {"sas", HEADS_AUTH_SAS},
    {"selfSigned", HEADS_AUTH_SELF_SIGNED},
    {"certificateAuthority", HEADS_AUTH_CA},
    {"none", HEADS_AUTH_NONE},
};

static enum heads_auth auth_of(struct slice name)
{
    for (int i = 0; i < 4; i++)
        if (slice_eq_nocase(name, slice_of(auths[i].name)))
            return auths[i].auth;
    return HEADS_AUTH_NONE;
}

enum status edge_identity_parse(const struct json *v, struct heads_identity *out)
{
    const struct json *authentication = json_get(v, "authentication");
    const struct json *keys = json_get(authentication, "symmetricKey");
    const struct json *thumbprints = json_get(authentication, "x509Thumbprint");
    struct heads_identity i = {
        .id = {json_string(json_get(v, "deviceId")), json_string(json_get(v, "moduleId"))},
        .enabled = !slice_eq_nocase(json_string(json_get(v, "status")), SLICE("disabled")),
        .edge = json_bool(json_get(json_get(v, "capabilities"), "iotEdge"), false),
        .auth = auth_of(json_string(json_get(authentication, "type"))),
        .generation_id = json_string(json_get(v, "generationId")),
        .primary_key = json_string(json_get(keys, "primaryKey")),
        .secondary_key = json_string(json_get(keys, "secondaryKey")),
        .primary_thumbprint = json_string(json_get(thumbprints, "primaryThumbprint")),
        .secondary_thumbprint = json_string(json_get(thumbprints, "secondaryThumbprint")),
        .device_scope = json_string(json_get(v, "deviceScope")),
    };
    if (!iot_id_name_ok(i.id.device) || (i.id.module.len && !iot_id_name_ok(i.id.module)))
        return BAD_FORMAT;
    *out = i;
    return OK;
}

void edge_identity_print(const struct heads_identity *i, struct json_writer *w)
{
    json_object(w);
    json_member(w, "deviceId", i->id.device);
    json_member(w, "moduleId", i->id.module);
    json_member(w, "generationId", i->generation_id);
    json_name(w, "status"), json_put_text(w, i->enabled ? "enabled" : "disabled");
    json_name(w, "authentication"), json_object(w);
    json_name(w, "type"), json_put_text(w, auths[i->auth].name);
    json_name(w, "symmetricKey"), json_object(w);
    json_member(w, "primaryKey", i->primary_key);
    json_member(w, "secondaryKey", i->secondary_key);
    json_end_object(w);
    json_name(w, "x509Thumbprint"), json_object(w);
    json_member(w, "primaryThumbprint", i->primary_thumbprint);
    json_member(w, "secondaryThumbprint", i->secondary_thumbprint);
    json_end_object(w);
    json_end_object(w);
    json_name(w, "capabilities"), json_object(w);
    json_name(w, "iotEdge"), json_put_bool(w, i->edge);
    json_end_object(w);
    json_member(w, "deviceScope", i->device_scope);
    json_end_object(w);
}
