/*
 * The peer of the AMQP benchmarks: a server on Apache Qpid Proton C that accepts every message, and
 * sends to every receiver as fast as its credit allows. TLS when it is given a certificate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/listener.h>
#include <proton/message.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/transport.h>

#include "bench/options.h"

#define RECEIVE_CREDIT 2000

static const char *host = "127.0.0.1", *certificate, *key;
static uint64_t port = 5672, size = 256;

static const struct option_row rows[] = {
    {"host", &host, NULL, "to listen on"},
    {"port", NULL, &port, "to listen on"},
    {"certificate", &certificate, NULL, "PEM file; without it plain"},
    {"key", &key, NULL, "its key, a PEM file"},
    {"size", NULL, &size, "bytes of a body that is sent"},
};

struct server {
    pn_ssl_domain_t *domain;
    char message[70000];
    size_t message_len;
    uint64_t tag;
};

static void accept_connection(struct server *s, pn_event_t *event)
{
    pn_transport_t *transport = pn_transport();
    pn_transport_set_server(transport);
    pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
    if (s->domain)
        pn_ssl_init(pn_ssl(transport), s->domain, NULL);
    pn_listener_accept2(pn_event_listener(event), NULL, transport);
}

static void open_link(pn_link_t *link)
{
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_open(link);
    if (pn_link_is_receiver(link))
        pn_link_flow(link, RECEIVE_CREDIT);
}

/* Settled when sent, as an Event Hub sends. */
static void send_all(struct server *s, pn_link_t *link)
{
    while (pn_link_is_sender(link) && pn_link_credit(link) > 0) {
        uint64_t tag = ++s->tag;
        pn_delivery_t *delivery = pn_delivery(link, pn_dtag((const char *)&tag, sizeof(tag)));
        pn_link_send(link, s->message, s->message_len);
        pn_delivery_settle(delivery);
    }
}

static void on_delivery(pn_event_t *event)
{
    char bytes[65536];
    pn_delivery_t *delivery = pn_event_delivery(event);
    pn_link_t *link = pn_delivery_link(delivery);
    if (!pn_link_is_receiver(link) || !pn_delivery_readable(delivery))
        return;
    while (pn_link_recv(link, bytes, sizeof(bytes)) > 0)
        ;
    if (pn_delivery_partial(delivery))
        return;
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    if (pn_link_credit(link) < RECEIVE_CREDIT / 2)
        pn_link_flow(link, RECEIVE_CREDIT - pn_link_credit(link));
}

static bool handle(struct server *s, pn_event_t *event)
{
    switch (pn_event_type(event)) {
    case PN_LISTENER_ACCEPT:
        accept_connection(s, event);
        break;
    case PN_CONNECTION_REMOTE_OPEN:
        pn_connection_open(pn_event_connection(event));
        break;
    case PN_SESSION_REMOTE_OPEN:
        pn_session_open(pn_event_session(event));
        break;
    case PN_LINK_REMOTE_OPEN:
        open_link(pn_event_link(event));
        break;
    case PN_LINK_FLOW:
        send_all(s, pn_event_link(event));
        break;
    case PN_DELIVERY:
        on_delivery(event);
        break;
    case PN_CONNECTION_REMOTE_CLOSE:
        pn_connection_close(pn_event_connection(event));
        break;
    case PN_LISTENER_CLOSE:
        fprintf(stderr, "it cannot listen there\n");
        return false;
    default:
        break;
    }
    return true;
}

static void make_message(struct server *s)
{
    char body[65536] = {0};
    pn_message_t *m = pn_message();
    s->message_len = sizeof(s->message);
    pn_message_set_inferred(m, true);
    pn_data_put_binary(pn_message_body(m), pn_bytes(size, body));
    pn_message_encode(m, s->message, &s->message_len);
    pn_message_free(m);
}

int main(int argc, char **argv)
{
    static struct server s;
    char address[PN_MAX_ADDR], port_text[16];
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv) || size > 65536)
        return 2;
    if (certificate) {
        s.domain = pn_ssl_domain(PN_SSL_MODE_SERVER);
        if (pn_ssl_domain_set_credentials(s.domain, certificate, key, NULL) != 0)
            return 1;
    }
    make_message(&s);
    snprintf(port_text, sizeof(port_text), "%llu", (unsigned long long)port);
    pn_proactor_addr(address, sizeof(address), host, port_text);
    pn_proactor_t *proactor = pn_proactor();
    pn_proactor_listen(proactor, pn_listener(), address, 64);
    for (bool running = true; running;) {
        pn_event_batch_t *batch = pn_proactor_wait(proactor);
        for (pn_event_t *e; running && (e = pn_event_batch_next(batch));)
            running = handle(&s, e);
        pn_proactor_done(proactor, batch);
    }
    return 1;
}
