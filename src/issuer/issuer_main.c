#include "issuer/issuer_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"
#include "crypto/random.h"
#include "io/server_tls.h"
#include "io/trim.h"
#include "base/file.h"
#include "issuer/commands.h"
#include "issuer/issuer.h"
#include "rest/health.h"
#include "settings/settings.h"

static const struct setting table[] = {
    {"listen", SETTING_TEXT, "127.0.0.1", "address to listen on", 0, 0, NULL, false},
    {"https.port", SETTING_INTEGER, "9443", "port to listen on; 0 is any free one", 0, 65535, NULL,
     false},
    {"tls.certificate", SETTING_PATH, NULL, "PEM file with the chain; made at first start when absent", 0,
     0, NULL, false},
    {"tls.key", SETTING_PATH, NULL, "PEM file of its key", 0, 0, NULL, false},
    {"tls", SETTING_BOOL, "true", "TLS; without it only a loopback address is listened on", 0, 0,
     NULL, false},
    {"names", SETTING_LIST, "localhost,127.0.0.1", "host names and addresses in the certificate", 0,
     0, NULL, false},
    {"url", SETTING_TEXT, NULL, "how clients reach it; default: https://, the first name, the port",
     0, 0, NULL, false},
    {"data", SETTING_PATH, "~/.local/state/millrace/issuer",
     "folder of keys, clients and certificates", 0, 0, NULL, false},
    {"tenant", SETTING_TEXT, NULL, "tenant id; default: a random one, made at first start", 0, 0,
     NULL, false},
    {"audiences", SETTING_LIST, "api://millrace",
     "what tokens may be made for; the first unless asked otherwise", 0, 0, NULL, false},
    {"token.life", SETTING_DURATION, "1h", "how long a token is valid", 60000, 86400000, NULL,
     false},
    {"key.algorithm", SETTING_WORD, "RS256", "of new signing keys", 0, 0, "RS256|ES256", false},
    {"key.life", SETTING_DURATION, "30d", "how long a key signs before the next is made", 3600000,
     0x7fffffffffff, NULL, false},
    {"refresh.life", SETTING_DURATION, "30d", "how long somebody stays signed in without using it", 60000,
     0x7fffffffffff, NULL, false},
    {"roles", SETTING_LIST, NULL, "add-client, add-user: what the client or person may do", 0, 0, NULL, false},
    {"redirects", SETTING_LIST, NULL, "add-client: addresses that people who signed in are sent to", 0, 0, NULL, false},
    {"public", SETTING_BOOL, "false", "add-client: a page or a program on a person's machine; it has no secret", 0, 0,
     NULL, false},
    SETTINGS_LOG,
};

static const struct settings_program program = {
    "issuer",
    "Issues OAuth2 and OpenID Connect tokens to programs, and to people who sign in on its page.\n"
    "  millrace issuer                                     serve\n"
    "  millrace issuer add-client NAME --roles Read,Write  add a program and print its secret\n"
    "  millrace issuer add-client NAME --public true --redirects https://host/page\n"
    "  millrace issuer remove-client NAME\n"
    "  millrace issuer list-clients\n"
    "  millrace issuer add-user NAME --roles Read,Write    add a person and print a first password\n"
    "  millrace issuer set-password NAME                   a new one from standard input; unlocks the name\n"
    "  millrace issuer remove-user NAME\n"
    "  millrace issuer list-users",
    table,
    sizeof(table) / sizeof(table[0]),
    .commands = true,
};

/* What lives as long as the program. */
struct serving {
    struct arena arena;
    struct issuer issuer;
    struct trim trim;
    struct rest_health *health;
    struct rest_server *server;
    struct server_tls *tls;
    struct listener *listener;
};

static const char *in_data(struct arena *a, const struct settings *s, const char *name)
{
    return arena_printf(a, "%s/%s", settings_text(s, "data"), name);
}

/* ---- serving ---- */

static const char *tenant_of(struct serving *v, const struct settings *s)
{
    struct buffer text = {0};
    uint8_t random[16];
    char made[UUID_TEXT_LEN + 1];
    const char *path = in_data(&v->arena, s, "tenant");
    if (settings_text(s, "tenant"))
        return settings_text(s, "tenant");
    enum status why = file_read(path, &text);
    if (why == NOT_FOUND) {
        crypto_random(random, sizeof(random));
        uuid_text(random, made);
        buffer_text(&text, made);
        why = file_write(path, buffer_slice(&text));
    }
    const char *tenant = why == OK ? arena_text(&v->arena, slice_trim(buffer_slice(&text))) : NULL;
    buffer_clear(&text);
    return tenant;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "127.0.0.1") == 0 || strcmp(host, "::1") == 0;
}

static enum status start_tls(struct serving *v, const struct settings *s)
{
    const char *const *names;
    if (!settings_bool(s, "tls")) {
        if (is_loopback(settings_text(s, "listen")))
            return OK;
        log_error("plain text is served on loopback addresses alone: set tls or listen");
        return BAD_ARGUMENT;
    }
    if (settings_list(s, "names", &names) == 0) {
        log_error("the setting 'names' is empty: a certificate needs a host name");
        return BAD_ARGUMENT;
    }
    return server_tls_open(&(struct server_tls_config){.loop = v->issuer.loop,
                                                       .certificate = settings_text(s, "tls.certificate"),
                                                       .key = settings_text(s, "tls.key"),
                                                       .directory = settings_text(s, "data"),
                                                       .names = names},
                           &v->tls);
}

static void on_accept(void *arg, struct stream *stream)
{
    struct serving *v = arg;
    rest_server_accept(v->server, stream);
}

static enum status start_listening(struct serving *v, const struct settings *s)
{
    struct rest_table tables[] = {issuer_routes(&v->issuer), rest_health_table(v->health)};
    v->server = rest_server_new(&(struct rest_server_config){.loop = v->issuer.loop,
                                                             .tables = tables,
                                                             .table_count = 2,
                                                             .app = &v->issuer,
                                                             .limits = {.body_bytes = 64u << 10}});
    return listener_open(&(struct listen_config){.loop = v->issuer.loop,
                                                 .host = settings_text(s, "listen"),
                                                 .port = (int)settings_integer(s, "https.port"),
                                                 .tls = v->tls ? server_tls(v->tls) : NULL,
                                                 .on_accept = on_accept,
                                                 .arg = v},
                         &v->listener);
}

static void name_itself(struct serving *v, const struct settings *s)
{
    struct issuer *i = &v->issuer;
    const char *const *names;
    const char *host = settings_list(s, "names", &names) ? names[0] : "localhost";
    i->url = settings_text(s, "url");
    if (!i->url)
        i->url = arena_printf(&v->arena, "%s://%s:%d", v->tls ? "https" : "http", host,
                              listener_port(v->listener));
    i->name = arena_printf(&v->arena, "%s/%s/v2.0", i->url, i->tenant);
}

static enum status prepare(struct serving *v, const struct settings *s)
{
    struct issuer *i = &v->issuer;
    enum status why = file_make_directory(settings_text(s, "data"));
    if (why != OK)
        return why;
    i->tenant = tenant_of(v, s);
    i->clients_path = in_data(&v->arena, s, "clients.json");
    i->life_ms = settings_ms(s, "token.life");
    i->keys_config = (struct issuer_keys_config){
        .path = in_data(&v->arena, s, "signing-keys.json"),
        .algorithm =
            strcmp(settings_text(s, "key.algorithm"), "ES256") == 0 ? JWK_ES256 : JWK_RS256,
        .replace_ms = settings_ms(s, "key.life"),
        .keep_ms = i->life_ms,
    };
    i->refresh_ms = settings_ms(s, "refresh.life");
    issuer_codes_init(&i->codes);
    if (!i->tenant)
        return IO_FAILED;
    const char *tables = in_data(&v->arena, s, ISSUER_TABLES_FILE);
    why = issuer_first_user(tables);
    if (why == OK)
        why = issuer_tables_open(tables, false, &i->tables);
    if (why != OK)
        return why;
    if (settings_list(s, "audiences", &i->audiences) == 0) {
        log_error("the setting 'audiences' is empty: no token could be made for anything");
        return BAD_ARGUMENT;
    }
    return issuer_keys_load(&i->keys_config, clock_wall_ms(), &i->keys);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static int serve(struct serving *v, const struct settings *s)
{
    struct issuer *i = &v->issuer;
    i->loop = loop_new();
    v->health = rest_health_new(NULL);
    enum status why = prepare(v, s);
    if (why == OK)
        why = start_tls(v, s);
    if (why == OK)
        why = start_listening(v, s);
    if (why == OK) {
        name_itself(v, s);
        issuer_upkeep_start(i);
        trim_start(&v->trim, i->loop);
        loop_on_signal(i->loop, stop, i->loop);
        log_info("issuer serves issuer=%s audience=%s", i->name, i->audiences[0]);
        loop_run(i->loop);
    }
    loop_timer_stop(&i->upkeep);
    trim_stop(&v->trim);
    if (v->listener)
        listener_close(&v->listener);
    if (v->server)
        rest_server_free(&v->server);
    server_tls_close(&v->tls);
    if (i->tables)
        store_table_close(&i->tables);
    loop_free(&i->loop);
    issuer_codes_clear(&i->codes);
    rest_health_free(&v->health);
    issuer_keys_unref(&i->keys);
    if (why != OK)
        log_error("the issuer could not start");
    return why == OK ? 0 : 1;
}

int issuer_main(int argc, char **argv)
{
    struct settings *s = NULL;
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    settings_start_log(s);
    struct serving *v = &(struct serving){0};
    const char *word = settings_argument(s, 0);
    code = word ? issuer_command(s, word) : serve(v, s);
    arena_clear(&v->arena);
    settings_free(&s);
    return code;
}
