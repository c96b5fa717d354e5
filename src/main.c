/* The one binary: its first word names the program. This table is the list of them. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "audit.h"
#include "edge/edge_main.h"
#include "hub/hub_main.h"
#include "issuer/issuer_main.h"
#include "opc.h"
#include "plant/plant.h"
#include "services/services_main.h"
#include "settings/settings.h"
#include "up/up_main.h"

static const struct program {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *what;
    bool serves_many; /* connections: as many as the machine lets it have */
} programs[] = {
    {"up", up_main, "the whole platform on this machine; --demo with a simulated plant", false},
    {"hub", hub_main, "the message hub: devices over MQTT, AMQP and HTTPS, services, and their events", true},
    {"edge", edge_main, "the edge: stores and forwards what a site sends", true},
    {"opc", opc_main, "the OPC UA module: publisher, twin and discovery in one process", false},
    {"publisher", opc_main, "publishes what publishednodes.json names", false},
    {"twin", opc_main, "serves browse, read, write and call on OPC UA servers", false},
    {"discovery", opc_main, "finds OPC UA servers", false},
    {"services", services_main, "registry, twin, history, publisher and events over REST, with OAuth2", false},
    {"issuer", issuer_main, "issues OAuth2 and OpenID Connect tokens to programs and people", false},
    {"audit", audit_main, "looks whether the chain of audit logs holds", false},
    {"plant", plant_main, "a simulated factory: an OPC UA server for demos and tests", false},
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

/* Each connection is one. Shells and service managers give 1024 and allow many more, for the sake of
 * programs with select(): the library of OPC UA has it, so where that runs the limit stays. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* then it is as many as it was */
}

static int refuse(const char *name)
{
    fprintf(stderr, "millrace: there is no program '%s'", name);
    for (size_t i = 0; i < PROGRAM_COUNT; i++)
        if (settings_distance(programs[i].name, slice_of(name)) <= 1 + strlen(name) / 6)
            fprintf(stderr, "; did you mean '%s'?", programs[i].name);
    fprintf(stderr, "\n");
    return print_help(stderr, 2);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of the write, not the end of us */
    signal(SIGXFSZ, SIG_IGN); /* so is a file that may not become longer */
    for (size_t i = 0; argc > 1 && i < PROGRAM_COUNT; i++)
        if (strcmp(programs[i].name, argv[1]) == 0) {
            if (programs[i].serves_many)
                raise_files();
            return programs[i].main(argc - 1, argv + 1);
        }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("millrace %s\n", MILLRACE_VERSION);
        return 0;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print_help(stdout, 0);
    return argc > 1 ? refuse(argv[1]) : print_help(stderr, 2);
}
