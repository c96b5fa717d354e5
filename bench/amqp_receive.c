/*
 * Reads a partition of a hub's stream, or any AMQP 1.0 source, as fast as it comes, with a window
 * of credit. Prints one JSON line: events a second, from the first one on, until so many have come.
 * The account is a line: user and password for SASL PLAIN, and the address, separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "bench/amqp_client.h"
#include "bench/course.h"
#include "bench/options.h"
#include "crypto/tls.h"

static const char *host = "127.0.0.1", *ca_file, *server_name, *accounts_file, *address = "load";
static uint64_t port = 5671, credit = 1000, messages = 1000000;

static const struct option_row rows[] = {
    {"host", &host, NULL, "server"},
    {"port", NULL, &port, "its port"},
    {"ca", &ca_file, NULL, "TLS with this authority's PEM file; without it plain"},
    {"server-name", &server_name, NULL, "name in its certificate, when it is not the host"},
    {"credit", NULL, &credit, "messages on their way"},
    {"messages", NULL, &messages, "how many"},
    {"address", &address, NULL, "to read from, without an account"},
    {"accounts", &accounts_file, NULL, "file: user, password, address"},
};

static void on_message(void *arg, const struct amqp_delivery *d)
{
    struct course *c = arg;
    (void)d;
    if (c->ended)
        return;
    if (c->start_ns == 0)
        course_begin(c);
    c->done++;
    if (c->done == messages)
        course_end(c);
}

static void on_fail(void *arg, const char *why)
{
    course_fail(arg, why);
}

static const struct amqp_client_events events = {.on_message = on_message, .on_fail = on_fail};

static bool read_account(struct amqp_client_config *config, struct buffer *line)
{
    if (accounts_file == NULL)
        return true;
    if (file_read(accounts_file, line) != OK)
        return false;
    buffer_u8(line, 0);
    char *rest = (char *)line->at;
    rest[strcspn(rest, "\n")] = 0;
    config->user = strsep(&rest, "\t");
    config->password = strsep(&rest, "\t");
    config->address = rest;
    return rest != NULL;
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    log_setup("load", LOG_LEVEL_WARN, 0);
    struct course c = {.loop = loop_new()};
    struct buffer line = {0};
    struct tls_client *tls = NULL;
    if (ca_file && tls_client_new(&(struct tls_client_config){.ca_file = ca_file}, &tls) != OK)
        return 1;
    struct amqp_client_config config = {
        .connect = {.loop = c.loop,
                    .host = host,
                    .port = (int)port,
                    .tls = tls,
                    .server_name = server_name},
        .address = address,
        .credit = (uint32_t)credit,
        .events = &events,
        .arg = &c,
    };
    if (messages == 0 || credit == 0 || !read_account(&config, &line)) {
        fprintf(stderr, "messages and credit 1 or more, and an account with its three parts\n");
        return 2;
    }
    struct amqp_client *client = amqp_client_open(&config);
    course_init(&c);
    loop_run(c.loop);
    int code = course_report(&c, argv[0]);
    loop_free(&c.loop);
    amqp_client_free(&client);
    tls_client_free(&tls);
    buffer_clear(&line);
    return code;
}
