#include "heads/mqtt_user.h"

#include <stddef.h>

#include "base/encoding.h"

#define API_VERSION_MIN "2016-11-14"

static const struct {
    struct slice name;
    size_t offset;
} parameters[] = {
    {SLICE_INIT("api-version"), offsetof(struct heads_mqtt_user, api_version)},
    {SLICE_INIT("DeviceClientType"), offsetof(struct heads_mqtt_user, client_type)},
    {SLICE_INIT("model-id"), offsetof(struct heads_mqtt_user, model_id)},
    {SLICE_INIT("auth-chain"), offsetof(struct heads_mqtt_user, auth_chain)},
};

/* "20dd-dd-dd" or that and "-preview". */
static bool api_version_ok(struct slice v)
{
    static const char shape[] = "20dd-dd-dd";
    if (v.len < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++)
        if (shape[i] == 'd' ? v.at[i] < '0' || v.at[i] > '9' : v.at[i] != shape[i])
            return false;
    struct slice rest = slice_skip(v, sizeof shape - 1);
    if (rest.len && !slice_eq(rest, SLICE("-preview")))
        return false;
    return memcmp(v.at, API_VERSION_MIN, sizeof shape - 1) >= 0;
}

static void parameter(struct slice pair, struct arena *a, struct heads_mqtt_user *user)
{
    size_t equals = slice_find(pair, '=');
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (slice_eq(slice_first(pair, equals), parameters[i].name))
            *(struct slice *)((char *)user + parameters[i].offset) =
                percent_decode_in(a, slice_skip(pair, equals + 1));
}

enum status heads_mqtt_user_parse(struct slice username, struct slice client_id, struct arena *a,
                                  struct heads_mqtt_user *out)
{
    size_t slash = slice_find(username, '/');
    struct heads_mqtt_user user = {.host = slice_first(username, slash)};
    struct slice rest = slice_skip(username, slash + 1);
    if (user.host.len == 0 || client_id.len == 0 || !slice_starts(rest, client_id))
        return BAD_FORMAT;

    /* The id is compared and not searched for: '?' is a letter of ids. */
    rest = slice_skip(rest, client_id.len);
    if (rest.len && rest.at[0] != '/')
        return BAD_FORMAT;
    rest = slice_skip(rest, 1);
    rest = slice_skip(rest, slice_starts(rest, SLICE("?")));
    struct slice pair;
    while (rest.len && slice_split(&rest, '&', &pair))
        parameter(pair, a, &user);
    if (user.api_version.len && !api_version_ok(user.api_version))
        return UNSUPPORTED;
    *out = user;
    return OK;
}
