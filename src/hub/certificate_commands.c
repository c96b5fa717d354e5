#include "hub/certificate_commands.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/certificate.h"
#include "registry/tables.h"
#include "json/write.h"

static const struct setting table[] = {
    {"data", SETTING_PATH, "~/.local/state/millrace/hub", "the hub's folder", 0, 0, NULL, false},
    {"name", SETTING_TEXT, NULL, "what the certificate is called here", 0, 0, NULL, false},
    {"file", SETTING_PATH, NULL, "PEM or DER: the authority's certificate, or the proof", 0, 0,
     NULL, false},
    {"verified", SETTING_BOOL, "false", "with add: it counts without a proof", 0, 0, NULL, false},
};

static const struct settings_program program = {
    "hub certificate",
    "Authorities that devices' certificates may lead to.\n"
    "  list                            what there is\n"
    "  add --name NAME --file FILE     an authority's certificate; with --verified it counts at "
    "once\n"
    "  code --name NAME                makes the code for the proof: have the authority's key sign "
    "a\n"
    "                                  certificate whose common name is the code\n"
    "  verify --name NAME --file FILE  the proof; then the certificate counts\n"
    "  remove --name NAME",
    table,
    sizeof(table) / sizeof(table[0]),
    true,
};

static const struct command {
    const char *word;
    const struct registry_work *what;
    bool needs_name, needs_file;
} commands[] = {
    {"list", &registry_certificate_list, false, false},
    {"add", &registry_certificate_put, true, true},
    {"code", &registry_certificate_code, true, false},
    {"verify", &registry_certificate_verify, true, true},
    {"remove", &registry_certificate_delete, true, false},
};

static const struct command *find_command(const char *word)
{
    for (size_t i = 0; word && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].word, word) == 0)
            return &commands[i];
    return NULL;
}

/* {"properties":{"certificate":…,"isVerified":…}} out of the file. */
static enum status make_body(const char *path, bool verified, struct buffer *body)
{
    struct buffer file = {0}, ders = {0}, text = {0};
    enum status s = file_read(path, &file);
    if (s == OK && certificate_read_any(buffer_slice(&file), &ders) != OK) {
        fprintf(stderr, "%s: no certificate, neither PEM nor DER\n", path);
        s = BAD_FORMAT;
    }
    if (s == OK) {
        base64_encode(buffer_slice(&ders), &text);
        struct json_writer w = json_writer(body);
        json_object(&w);
        json_name(&w, "properties"), json_object(&w);
        json_member(&w, "certificate", buffer_slice(&text));
        if (verified)
            json_name(&w, "isVerified"), json_put_bool(&w, true);
        json_end_object(&w);
        json_end_object(&w);
    }
    buffer_clear(&file);
    buffer_clear(&ders);
    buffer_clear(&text);
    return s;
}

static enum status run(struct store_table *t, void *arg)
{
    struct registry_errand *e = arg;
    return e->answer.why = e->ask.what->run(t, e);
}

static void print_certificate(const struct json *c)
{
    const struct json *p = json_get(c, "properties");
    printf("%.*s\t%s\t%.*s\t%.*s\t%.*s\n", SLICE_FMT(json_string(json_get(c, "name"))),
           json_bool(json_get(p, "isVerified"), false) ? "verified" : "unverified",
           SLICE_FMT(json_string(json_get(p, "thumbprint"))),
           SLICE_FMT(json_string(json_get(p, "expiry"))),
           SLICE_FMT(json_string(json_get(p, "subject"))));
}

static void print_answer(const struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (json_parse(buffer_slice(&e->json), JSON_STRICT, &doc, NULL) != OK)
        return; /* removed: there is nothing to tell */
    const struct json *root = json_root(doc);
    if (e->ask.what == &registry_certificate_code)
        printf("%.*s\n",
               SLICE_FMT(json_string(json_get(json_get(root, "properties"), "verificationCode"))));
    else if (e->ask.what == &registry_certificate_list)
        for (struct json_walk w = json_walk(json_get(root, "value")); json_next(&w);)
            print_certificate(w.value);
    else
        print_certificate(root);
    json_free(&doc);
}

static int carry_out(const struct command *c, const struct settings *s, struct slice body)
{
    struct store_table *t = NULL;
    struct iot_limits limits = iot_limits_azure();
    struct registry registry = {.limits = &limits};
    struct registry_errand e = {.registry = &registry, .now_ms = clock_wall_ms()};
    e.ask = (struct registry_ask){
        .what = c->what, .name = slice_of(settings_text(s, "name")), .body = body};
    enum status status = registry_tables_open(settings_text(s, "data"), &t);
    if (status == OK)
        status = store_table_post(t, NULL, run, NULL, &e);
    if (status == OK && e.answer.why == OK)
        print_answer(&e);
    else if (status == OK)
        fprintf(stderr, "%s\n",
                e.answer.text ? e.answer.text : "the hub's database could not do it");
    store_table_close(&t);
    buffer_clear(&e.json);
    arena_clear(&e.arena);
    return status == OK && e.answer.why == OK ? 0 : 1;
}

static int run_command(const struct settings *s)
{
    const struct command *c = find_command(settings_argument(s, 0));
    struct buffer body = {0};
    if (c == NULL) {
        fprintf(stderr, "which? list, add, code, verify or remove\n");
        return 2;
    }
    if ((c->needs_name && !settings_text(s, "name")) ||
        (c->needs_file && !settings_text(s, "file"))) {
        fprintf(stderr, "%s needs --name%s\n", c->word, c->needs_file ? " and --file" : "");
        return 2;
    }
    int code = 1;
    if (!c->needs_file ||
        make_body(settings_text(s, "file"), settings_bool(s, "verified"), &body) == OK)
        code = carry_out(c, s, buffer_slice(&body));
    buffer_clear(&body);
    return code;
}

int hub_certificate_commands(int argc, char **argv)
{
    struct settings *s;
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    log_setup("hub", LOG_LEVEL_WARN, 0);
    code = run_command(s);
    settings_free(&s);
    return code;
}
