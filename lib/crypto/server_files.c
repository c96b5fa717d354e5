#include "crypto/server_files.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/certificate.h"
#include "crypto/key.h"

#define DAY_MS (24ull * 3600 * 1000)

struct files {
    struct server_files *out;
    char ca_key[512];
    struct buffer ca, ca_key_pem, server, server_key;
};

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Clients trust this file. A broken one lets no new client in, but those that have a copy go on. */
static enum status read_ca(struct files *f)
{
    struct buffer der = {0};
    struct certificate_facts facts;
    enum status s = file_read(f->out->ca, &f->ca);
    if (s == OK && (certificate_der(buffer_slice(&f->ca), &der) != OK ||
                    certificate_read(buffer_slice(&der), &facts) != OK))
        log_error(
            "the authority's certificate cannot be read: bring it back, or remove it for another "
            "authority path=%s",
            f->out->ca);
    buffer_clear(&der);
    return s;
}

static enum status ensure_ca(struct files *f, const char *common_name, uint64_t wall_ms)
{
    if (is_there(f->out->ca))
        return read_ca(f);
    char name[128];
    snprintf(name, sizeof(name), "Millrace CA of %s", common_name);
    enum status s = certificate_make_ca(
        &(struct certificate_ask){
            .common_name = name,
            .organization = "Millrace",
            .wall_ms = wall_ms,
            .days = CERTIFICATE_CA_DAYS,
            .key = KEY_EC_P256,
        },
        &f->ca, &f->ca_key_pem);
    if (s == OK)
        s = file_write(f->ca_key, buffer_slice(&f->ca_key_pem));
    if (s == OK)
        s = file_write_public(f->out->ca, buffer_slice(&f->ca));
    if (s == OK)
        log_info("made a certificate authority path=%s", f->out->ca);
    return s;
}

static bool key_readable(const char *path)
{
    struct buffer pem = {0}, half = {0};
    bool good = file_read(path, &pem) == OK && key_public(buffer_slice(&pem), &half) == OK;
    buffer_clear(&pem);
    buffer_clear(&half);
    return good;
}

/* Good for another while, and its key is there. */
static bool still_good(struct files *f, uint64_t wall_ms)
{
    struct certificate_facts facts;
    struct buffer der = {0};
    bool good = is_there(f->out->certificate) && is_there(f->out->key) &&
                file_read(f->out->certificate, &f->server) == OK &&
                certificate_der(buffer_slice(&f->server), &der) == OK &&
                certificate_read(buffer_slice(&der), &facts) == OK &&
                facts.not_after_ms > wall_ms + SERVER_RENEW_DAYS * DAY_MS &&
                key_readable(f->out->key);
    buffer_clear(&der);
    return good;
}

/* The names that a certificate was made for, beside it: another list means another certificate. */
static void print_names(const char *common_name, const char *const *names, struct buffer *out)
{
    buffer_printf(out, "%s\n", common_name);
    for (size_t i = 0; names[i]; i++)
        buffer_printf(out, "%s\n", names[i]);
}

static bool same_names(const char *path, struct slice wanted)
{
    struct buffer text = {0};
    bool same =
        is_there(path) && file_read(path, &text) == OK && slice_eq(buffer_slice(&text), wanted);
    buffer_clear(&text);
    return same;
}

static void log_names(const char *const *names)
{
    struct buffer all = {0};
    for (size_t i = 0; names[i]; i++)
        buffer_printf(&all, "%s'%s'", i ? ", " : "", names[i]);
    log_error("a certificate cannot be made, one of these is no host name or address: %s",
              buffer_cstr(&all));
    buffer_clear(&all);
}

static enum status issue(struct files *f, const char *common_name, const char *const *names,
                         uint64_t wall_ms)
{
    enum status s = f->ca_key_pem.len ? OK : file_read(f->ca_key, &f->ca_key_pem);
    if (s != OK) {
        log_error("the server's certificate must be made anew, but the authority's key is not "
                  "there path=%s",
                  f->ca_key);
        return s;
    }
    buffer_reset(&f->server);
    s = certificate_issue(
        &(struct certificate_ask){
            .common_name = common_name,
            .organization = "Millrace",
            .names = names,
            .wall_ms = wall_ms,
            .days = SERVER_CERTIFICATE_DAYS,
            .key = KEY_EC_P256,
        },
        CERTIFICATE_SERVER,
        (struct certificate_issuer){buffer_slice(&f->ca), buffer_slice(&f->ca_key_pem)}, &f->server,
        &f->server_key);
    if (s != OK)
        log_names(names);
    if (s == OK)
        s = file_write(f->out->key, buffer_slice(&f->server_key));
    if (s == OK)
        s = file_write_public(f->out->certificate, buffer_slice(&f->server));
    return s;
}

static enum status ensure(struct files *f, const char *directory, const char *common_name,
                          const char *const *names, uint64_t wall_ms)
{
    char names_path[512];
    struct buffer wanted = {0};
    snprintf(names_path, sizeof(names_path), "%s/server-names.txt", directory);
    print_names(common_name, names, &wanted);
    enum status s = ensure_ca(f, common_name, wall_ms);
    if (s == OK && !(still_good(f, wall_ms) && same_names(names_path, buffer_slice(&wanted)))) {
        s = issue(f, common_name, names, wall_ms);
        if (s == OK)
            s = file_write_public(names_path, buffer_slice(&wanted));
    }
    buffer_clear(&wanted);
    return s;
}

enum status server_files_ensure(const char *directory, const char *common_name,
                                const char *const *names, uint64_t wall_ms,
                                struct server_files *out)
{
    struct files f = {.out = out};
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        log_error("mkdir failed path=%s error=\"%s\"", directory, strerror(errno));
        return IO_FAILED;
    }
    snprintf(out->ca, sizeof(out->ca), "%s/ca.pem", directory);
    snprintf(out->certificate, sizeof(out->certificate), "%s/server.pem", directory);
    snprintf(out->key, sizeof(out->key), "%s/server-key.pem", directory);
    snprintf(f.ca_key, sizeof(f.ca_key), "%s/ca-key.pem", directory);
    enum status s = ensure(&f, directory, common_name, names, wall_ms);
    buffer_clear(&f.ca);
    buffer_clear(&f.ca_key_pem);
    buffer_clear(&f.server);
    buffer_clear(&f.server_key);
    return s;
}

const char **server_names(const char *name, const char *const *more, size_t count,
                          const char *listen)
{
    const char **names = memory_new((count + 5) * sizeof(*names));
    size_t n = 0;
    names[n++] = name;
    for (size_t i = 0; i < count; i++)
        names[n++] = more[i];
    names[n++] = "localhost";
    names[n++] = "127.0.0.1";
    if (strcmp(listen, "0.0.0.0") != 0 && strcmp(listen, "::") != 0 &&
        strcmp(listen, "127.0.0.1") != 0)
        names[n++] = listen;
    return names;
}
