#include "io/server_tls.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "crypto/server_files.h"

struct server_tls {
    struct server_tls_config config;
    struct tls_server *tls;
    struct loop_timer look;
    uint64_t wall_ms; /* for the look under way */
};

static bool own(const struct server_tls *s)
{
    return s->config.certificate == NULL || s->config.key == NULL;
}

/* Whoever names one file believes that it is served. */
static bool one_alone(const struct server_tls_config *c)
{
    if ((c->certificate == NULL) == (c->key == NULL))
        return false;
    log_error("a certificate and its key are set together, only one is: %s",
              c->certificate ? c->certificate : c->key);
    return true;
}

static void look_again(struct server_tls *s);

static void look_thread(void *arg)
{
    struct server_tls *s = arg;
    struct server_files files;
    if (own(s) && server_files_ensure(s->config.directory, s->config.names[0], s->config.names,
                                      s->wall_ms, &files) != OK)
        log_error("the server's certificate could not be renewed directory=%s",
                  s->config.directory);
    if (tls_server_reload(s->tls) != OK)
        log_error("the server's certificate could not be read again: the old one is served on");
}

static void looked(void *arg)
{
    look_again(arg);
}

static void look(void *arg)
{
    struct server_tls *s = arg;
    s->wall_ms = loop_wall_ms(s->config.loop);
    loop_work(s->config.loop, look_thread, looked, s);
}

static void look_again(struct server_tls *s)
{
    loop_timer_start(s->config.loop, &s->look, SERVER_TLS_LOOK_MS, look, s);
}

enum status server_tls_open(const struct server_tls_config *config, struct server_tls **out)
{
    struct server_tls *s = MEMORY_NEW(struct server_tls);
    struct server_files files;
    const char *certificate = config->certificate, *key = config->key;
    enum status status = one_alone(config) ? BAD_ARGUMENT : OK;
    s->config = *config;
    if (status == OK && own(s)) {
        status = server_files_ensure(config->directory, config->names[0], config->names,
                                     loop_wall_ms(config->loop), &files);
        certificate = files.certificate;
        key = files.key;
    }
    if (status == OK)
        status = tls_server_new(
            &(struct tls_server_config){.certificate_file = certificate, .key_file = key}, &s->tls);
    if (status != OK) {
        free(s);
        return status;
    }
    look_again(s);
    *out = s;
    return OK;
}

void server_tls_close(struct server_tls **server)
{
    struct server_tls *s = *server;
    if (s == NULL)
        return;
    loop_timer_stop(&s->look);
    tls_server_free(&s->tls);
    free(s);
    *server = NULL;
}

struct tls_server *server_tls(const struct server_tls *s)
{
    return s->tls;
}
