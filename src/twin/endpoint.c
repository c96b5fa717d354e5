#include "twin/endpoint.h"

#define LOCALES_MAX 16
#define LOCALE_MAX 64 /* bytes of one */

static enum status refuse(struct buffer *why, enum status s, const char *text)
{
    buffer_text(why, text);
    return s;
}

static void add_url(struct twin_request *r, struct slice url)
{
    bool known = url.len == 0 || r->url_count == TWIN_URLS_MAX;
    for (size_t i = 0; i < r->url_count; i++)
        known = known || slice_eq(r->urls[i], url);
    if (!known)
        r->urls[r->url_count++] = url;
}

static enum status read_urls(const struct json *endpoint, struct twin_request *r,
                             struct buffer *why)
{
    struct json_walk walk = json_walk(json_get_nocase(endpoint, "alternativeUrls"));
    add_url(r, json_string(json_get_nocase(endpoint, "url")));
    while (json_next(&walk))
        add_url(r, json_string(walk.value));
    for (size_t i = 0; i < r->url_count; i++)
        if (!slice_starts(r->urls[i], SLICE("opc.tcp://")))
            return refuse(why, BAD_ARGUMENT, "An endpoint's url begins with opc.tcp://.");
    return r->url_count ? OK : refuse(why, BAD_ARGUMENT, "The endpoint has no url.");
}

static enum status read_security(const struct json *endpoint, struct opcua_connection *c,
                                 struct buffer *why)
{
    static const struct {
        const char *name;
        enum opcua_security security;
    } modes[] = {
        {"", OPCUA_SECURITY_BEST},     {"Best", OPCUA_SECURITY_BEST},
        {"Sign", OPCUA_SECURITY_SIGN}, {"SignAndEncrypt", OPCUA_SECURITY_SIGN_AND_ENCRYPT},
        {"None", OPCUA_SECURITY_NONE}, {"NotNone", OPCUA_SECURITY_NOT_NONE},
    };
    struct slice mode = json_string(json_get_nocase(endpoint, "securityMode"));
    c->security_policy = json_string(json_get_nocase(endpoint, "securityPolicy"));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_eq_nocase(mode, slice_of(modes[i].name))) {
            c->security = modes[i].security;
            return OK;
        }
    return refuse(why, BAD_ARGUMENT,
                  "securityMode is one of Best, Sign, SignAndEncrypt, NotNone and None.");
}

static enum status read_user(const struct json *elevation, struct opcua_connection *c,
                             struct buffer *why)
{
    struct slice type = json_string(json_get_nocase(elevation, "type"));
    const struct json *value = json_get_nocase(elevation, "value");
    if (elevation == NULL || json_is(elevation, JSON_NULL) || type.len == 0 ||
        slice_eq_nocase(type, SLICE("None")))
        return OK;
    c->certificate_user = slice_eq_nocase(type, SLICE("X509Certificate"));
    if (!c->certificate_user && !slice_eq_nocase(type, SLICE("UserName")))
        return refuse(why, UNSUPPORTED,
                      "Only credentials of the types UserName and X509Certificate are supported.");
    c->user = json_string(json_get_nocase(value, "user"));
    if (c->certificate_user && c->user.len == 0)
        c->user = json_string(json_get_nocase(value, "thumbprint"));
    c->password = json_string(json_get_nocase(value, "password"));
    return c->user.len ? OK : refuse(why, BAD_ARGUMENT, "The credential has no user.");
}

static enum status read_format(const struct json *header, struct twin_request *r,
                               struct buffer *why)
{
    const struct json *format = json_get_nocase(header, "namespaceFormat");
    if (format == NULL || json_is(format, JSON_NULL))
        return OK;
    return opcua_id_format_parse(json_string(format), &r->form.format)
               ? OK
               : refuse(why, BAD_ARGUMENT, "namespaceFormat is not known.");
}

/* The session's: who wants other languages has another session. */
static enum status read_locales(const struct json *header, struct twin_request *r,
                                struct buffer *why)
{
    const struct json *list = json_get_nocase(header, "locales");
    struct json_walk walk = json_walk(list);
    struct buffer text = {0};
    enum status s = OK;
    if (list == NULL || json_is(list, JSON_NULL))
        return OK;
    if (!json_is(list, JSON_ARRAY) || json_count(list) > LOCALES_MAX)
        s = refuse(why, BAD_ARGUMENT, "locales is an array of at most 16 languages like de-DE.");
    while (s == OK && json_next(&walk)) {
        struct slice one = json_string(walk.value);
        if (one.len == 0 || one.len > LOCALE_MAX || slice_find(one, ',') != one.len)
            s = refuse(why, BAD_ARGUMENT, "locales has what is no language like de-DE.");
        buffer_printf(&text, "%s%.*s", text.len ? "," : "", SLICE_FMT(one));
    }
    r->connection.locales = arena_copy(&r->arena, buffer_slice(&text));
    buffer_clear(&text);
    return s;
}

enum status twin_endpoint_read(const struct json *payload, struct twin_request *r,
                               struct buffer *why)
{
    const struct json *connection = json_get_nocase(payload, "connection");
    if (connection == NULL) /* 2.8; or the payload is the connection */
        connection = payload;
    const struct json *endpoint = json_get_nocase(connection, "endpoint");
    if (r->need == TWIN_ENDPOINT && endpoint == NULL)
        endpoint = payload;
    const struct json *header = json_get_nocase(r->body, "header");
    const struct json *elevation = json_get_nocase(header, "elevation");
    if (elevation == NULL || json_is(elevation, JSON_NULL))
        elevation = json_get_nocase(connection, "user");
    if (!json_is(endpoint, JSON_OBJECT))
        return refuse(why, BAD_ARGUMENT, "There is no endpoint in the payload.");

    enum status s = read_urls(endpoint, r, why);
    if (s == OK)
        s = read_security(endpoint, &r->connection, why);
    if (s == OK)
        s = read_user(elevation, &r->connection, why);
    if (s == OK)
        s = read_locales(header, r, why);
    return s == OK ? read_format(header, r, why) : s;
}
