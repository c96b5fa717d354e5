/* The one binary: its first word names the program. This table is the list of them. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "edge/edge_main.h"
#include "hub/hub_main.h"
#include "issuer/issuer_main.h"
#include "opc.h"
#include "plant/plant.h"
#include "services/services_main.h"
#include "up/up_main.h"

static const struct program {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *what;
} programs[] = {
    {"up", up_main, "the whole platform on this machine; --demo with a simulated plant"},
    {"hub", hub_main, "the message hub: devices over MQTT, services over HTTPS, events over AMQP"},
    {"edge", edge_main, "the edge: stores and forwards what a site sends"},
    {"opc", opc_main, "the OPC UA module: publisher, twin and discovery in one process"},
    {"publisher", opc_main, "publishes what publishednodes.json names"},
    {"twin", opc_main, "serves browse, read, write and call on OPC UA servers"},
    {"discovery", opc_main, "finds OPC UA servers"},
    {"services", services_main, "registry and twin REST, with OAuth2"},
    {"issuer", issuer_main, "issues OAuth2 tokens to programs"},
    {"plant", plant_main, "a simulated factory: an OPC UA server for demos and tests"},
};

#define PROGRAM_COUNT (sizeof(programs) / sizeof(programs[0]))

static int print_help(FILE *to, int code)
{
    fprintf(to, "usage: millrace PROGRAM [--NAME VALUE ...]\n\n");
    for (size_t i = 0; i < PROGRAM_COUNT; i++)
        fprintf(to, "  %-10s %s\n", programs[i].name, programs[i].what);
    fprintf(to, "\nmillrace PROGRAM --help lists its settings; millrace --version says which one this is.\n");
    return code;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of the write, not the end of us */
    for (size_t i = 0; argc > 1 && i < PROGRAM_COUNT; i++)
        if (strcmp(programs[i].name, argv[1]) == 0)
            return programs[i].main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("millrace %s\n", MILLRACE_VERSION);
        return 0;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print_help(stdout, 0);
    if (argc > 1)
        fprintf(stderr, "millrace: there is no program '%s'\n", argv[1]);
    return print_help(stderr, 2);
}
