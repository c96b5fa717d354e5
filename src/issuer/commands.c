#include "issuer/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/file.h"
#include "crypto/password.h"
#include "crypto/random.h"
#include "issuer/clients.h"
#include "issuer/users.h"

#define FIRST_PASSWORD_BYTES 15 /* 20 letters */

static int say(enum status s, const char *name)
{
    if (s != OK)
        fprintf(stderr, "issuer: %s: %s\n", name, status_name(s));
    return s == OK ? 0 : 1;
}

/* ---- clients ---- */

static int add_client(const char *path, const struct settings *s, const char *name)
{
    struct issuer_client_new client = {.name = slice_of(name),
                                       .is_public = settings_bool(s, "public")};
    struct buffer secret = {0};
    client.role_count = settings_list(s, "roles", &client.roles);
    client.redirect_count = settings_list(s, "redirects", &client.redirects);
    enum status why = issuer_client_add(path, &client, &secret);
    if (why == OK)
        printf("client_id=%s\n", name);
    if (why == OK && !client.is_public)
        printf("client_secret=%s\n", buffer_cstr(&secret));
    buffer_clear(&secret);
    return say(why, name);
}

static int list_clients(const char *path)
{
    struct buffer text = {0};
    enum status why = issuer_client_list(path, &text);
    printf("%s", buffer_cstr(&text));
    buffer_clear(&text);
    return say(why, "list-clients");
}

/* ---- people: a job of the database, here and now ---- */

struct user_command {
    struct issuer_user user;
    struct buffer password, digest, text;
    enum status why;
};

static enum status add(struct store_table *t, void *arg)
{
    struct user_command *c = arg;
    return c->why = issuer_user_add(t, &c->user, buffer_slice(&c->digest), clock_wall_ms());
}

static enum status set_password(struct store_table *t, void *arg)
{
    struct user_command *c = arg;
    return c->why = issuer_user_set_password(t, c->user.name, buffer_slice(&c->digest));
}

static enum status remove_one(struct store_table *t, void *arg)
{
    struct user_command *c = arg;
    return c->why = issuer_user_remove(t, c->user.name);
}

static enum status list(struct store_table *t, void *arg)
{
    struct user_command *c = arg;
    return c->why = issuer_users_list(t, clock_wall_ms(), &c->text);
}

static enum status count(struct store_table *t, void *arg)
{
    uint64_t n = 0;
    struct user_command *c = arg;
    c->why = issuer_users_count(t, &n);
    return c->why == OK && n > 0 ? (c->why = EXISTS) : c->why;
}

/* The table runs its jobs within the post. */
static enum status run(struct store_table *t, store_table_errand *job, struct user_command *c)
{
    c->why = IO_FAILED;
    enum status s = store_table_post(t, NULL, job, NULL, c);
    return s == OK ? c->why : s;
}

static void clear(struct user_command *c)
{
    buffer_clear(&c->password);
    buffer_clear(&c->digest);
    buffer_clear(&c->text);
}

static void make_password(struct user_command *c)
{
    uint8_t random[FIRST_PASSWORD_BYTES];
    crypto_random(random, sizeof random);
    base64url_encode(slice_from(random, sizeof random), &c->password);
    password_digest(buffer_slice(&c->password), &c->digest);
}

static enum status add_user(struct store_table *t, struct slice name, const char *const *roles,
                            size_t role_count, struct user_command *c)
{
    struct slice copies[ISSUER_ROLES_MAX];
    if (role_count > ISSUER_ROLES_MAX)
        return BAD_ARGUMENT;
    for (size_t n = 0; n < role_count; n++)
        copies[n] = slice_of(roles[n]);
    c->user = (struct issuer_user){.name = name, .roles = copies, .role_count = role_count};
    make_password(c);
    return run(t, add, c);
}

static bool read_password(struct user_command *c)
{
    char line[PASSWORD_MAX + 2];
    if (!fgets(line, sizeof line, stdin))
        line[0] = 0;
    line[strcspn(line, "\r\n")] = 0;
    size_t len = strlen(line);
    bool ok = len >= ISSUER_PASSWORD_LEAST && len <= PASSWORD_MAX;
    if (ok)
        password_digest(slice_of(line), &c->digest);
    else
        fprintf(stderr, "issuer: a password has %d to %d bytes, on one line of standard input\n",
                ISSUER_PASSWORD_LEAST, PASSWORD_MAX);
    explicit_bzero(line, sizeof line);
    return ok;
}

static int user_command(struct store_table *t, const struct settings *s, const char *word,
                        const char *name)
{
    struct user_command c = {.user = {.name = slice_of(name)}};
    const char *const *roles;
    enum status why = BAD_ARGUMENT;
    if (strcmp(word, "add-user") == 0) {
        size_t role_count = settings_list(s, "roles", &roles);
        why = add_user(t, slice_of(name), roles, role_count, &c);
        if (why == OK)
            printf("username=%s\npassword=%s\n", name, buffer_cstr(&c.password));
    } else if (strcmp(word, "remove-user") == 0) {
        why = run(t, remove_one, &c);
    } else if (strcmp(word, "list-users") == 0) {
        why = run(t, list, &c);
        printf("%s", buffer_cstr(&c.text));
    } else if (read_password(&c)) {
        why = run(t, set_password, &c);
    }
    clear(&c);
    return say(why, name);
}

/* ---- the words ---- */

static const struct {
    const char *word;
    bool name, user;
} words[] = {
    {"add-client", true, false},  {"remove-client", true, false}, {"list-clients", false, false},
    {"add-user", true, true},     {"remove-user", true, true},    {"list-users", false, true},
    {"set-password", true, true},
};

static int client_command(const char *path, const struct settings *s, const char *word,
                          const char *name)
{
    if (strcmp(word, "list-clients") == 0)
        return list_clients(path);
    if (strcmp(word, "add-client") == 0)
        return add_client(path, s, name);
    return say(issuer_client_remove(path, slice_of(name)), name);
}

static int in_data(const struct settings *s, const char *word, const char *name, bool user)
{
    struct arena a = {0};
    struct store_table *t = NULL;
    const char *data = settings_text(s, "data");
    const char *path =
        arena_printf(&a, "%s/%s", data, user ? ISSUER_TABLES_FILE : ISSUER_CLIENTS_FILE);
    int code = say(file_make_directory(data), data);
    if (code == 0 && user)
        code = say(issuer_tables_open(path, true, &t), path);
    if (code == 0)
        code = user ? user_command(t, s, word, name) : client_command(path, s, word, name);
    if (t)
        store_table_close(&t);
    arena_clear(&a);
    return code;
}

int issuer_command(const struct settings *s, const char *word)
{
    const char *name = settings_argument(s, 1);
    for (size_t n = 0; n < sizeof words / sizeof *words; n++)
        if (strcmp(word, words[n].word) == 0 && (name || !words[n].name))
            return in_data(s, word, name ? name : word, words[n].user);
    fprintf(stderr, "issuer: '%s' is not known or lacks a name; --help lists the commands\n", word);
    return 2;
}

/* ---- the first one ---- */

enum status issuer_first_user(const char *path)
{
    static const char *const roles[] = {"Read", "Write", "Admin"};
    struct user_command c = {0};
    struct store_table *t;
    enum status s = issuer_tables_open(path, true, &t);
    if (s != OK)
        return s;
    s = run(t, count, &c);
    if (s == OK)
        s = add_user(t, SLICE("admin"), roles, 3, &c);
    else if (s == EXISTS)
        s = OK;
    if (s == OK && c.password.len) {
        printf("The issuer's first user: admin, password: %s\n"
               "It is not shown again. Change it: millrace issuer set-password admin\n",
               buffer_cstr(&c.password));
        fflush(stdout);
    }
    clear(&c);
    store_table_close(&t);
    return s;
}
