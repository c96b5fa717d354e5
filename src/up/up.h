/*
 * `millrace up` as its own files see it: folders, ports, keys, and the parts that it starts in this
 * order: plant (demo), hub; when the hub is ready and has the identities: edge, issuer, services, and last
 * opc, in the demo not before somebody counts what arrives. Ended in the order of stop_next().
 *
 *   up_main.c     settings, ports, order of start and end
 *   arguments.c   what each part is told on its command line
 *   part.c        one child process
 *   provision.c   the edge's and the module's identity at the hub
 *   demo.c        what the demo shows; demo_nodes.c what it publishes, tally.c its books
 */
#pragma once

#include "client/service.h"
#include "crypto/server_files.h"
#include "settings/settings.h"
#include "up/part.h"

#define UP_EDGE_DEVICE "edge"
#define UP_OPC_MODULE "opc"

enum up_part_id { UP_PLANT, UP_HUB, UP_EDGE, UP_ISSUER, UP_OPC, UP_SERVICES, UP_PART_COUNT };

struct up_ports {
    int hub_mqtt, hub_amqp, hub_https, edge_mqtt, edge_health, issuer, services, opc_health, plant;
};

struct up {
    const struct settings *settings;
    struct loop *loop;
    const char *binary;
    const char *data;             /* folder */
    const char *listen;           /* address */
    const char *local;            /* the same for ourselves: 127.0.0.1 when all addresses are listened on */
    bool demo;
    struct up_ports ports;
    struct up_part parts[UP_PART_COUNT];
    bool stopping;
    unsigned stopped;             /* parts that were told to end */
    struct demo *shown;           /* demo.c; NULL: none */
    int code;                     /* of the program */

    struct rest_client *rest;     /* trusts the hub; made when its authority's file is there */
    struct service_client *service;
    struct server_files tls;      /* one authority and certificate for all parts */
    char *owner;                  /* connection string of iothubowner */
    char *edge_key, *opc_key;     /* base64, from provisioning */
};

/* Creates the edge device and its module at the hub unless they are there, and fetches their keys into
 * u->edge_key and u->opc_key. done(u, why) comes once. */
void up_provision(struct up *u, void (*done)(struct up *u, enum status why));

/* Ends all parts, one after the other, then the loop. */
void up_stop(struct up *u, int code);

/* The demo reads the hub's stream: now what publishes may start. */
void up_demo_reads(struct up *u);

/* Shows the demo once everything has started. up_stop() when it is over. */
void up_demo_start(struct up *u);
void up_demo_end(struct up *u);
