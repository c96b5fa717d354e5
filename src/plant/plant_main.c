#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "opcua/pki.h"
#include "plant/plant.h"
#include "settings/settings.h"

/* clang-format off */
static const struct setting table[] = {
    {"listen", SETTING_TEXT, "127.0.0.1", "address to listen on, and the host in the endpoints' URLs", 0, 0, NULL, false},
    {"port", SETTING_INTEGER, "50000", "port to listen on; 0: any free one", 0, 65535, NULL, false},
    {"fast.nodes", SETTING_INTEGER, "5", "how many FastUInt nodes", 0, 10000, NULL, false},
    {"fast.interval", SETTING_DURATION, "1s", "how often they change", 10, 3600000, NULL, false},
    {"slow.nodes", SETTING_INTEGER, "5", "how many SlowUInt nodes", 0, 10000, NULL, false},
    {"slow.interval", SETTING_DURATION, "10s", "how often they change", 10, 3600000, NULL, false},
    {"nodes", SETTING_INTEGER, "0", "how many counters for load: Load1, Load2, ...", 0, PLANT_NODES_MAX, NULL, false},
    {"interval", SETTING_DURATION, "1s", "how often each of them counts", 10, 3600000, NULL, false},
    {"events", SETTING_DURATION, "5s", "how often the Server object sends an event; 0s: never", 0, 3600000, NULL, false},
    {"history", SETTING_BOOL, "false", "keeps what is written to WritableInt32; clients may read and change that", 0, 0, NULL, false},
    {"none", SETTING_BOOL, "true", "offers an endpoint without security", 0, 0, NULL, false},
    {"anonymous", SETTING_BOOL, "true", "lets anonymous users in", 0, 0, NULL, false},
    {"user", SETTING_TEXT, NULL, "name of a user", 0, 0, NULL, false},
    {"password", SETTING_TEXT, NULL, "the user's password", 0, 0, NULL, true},
    {"pki", SETTING_PATH, "~/.local/state/millrace/plant/pki", "folder of own, trusted and rejected certificates", 0, 0, NULL, false},
    {"trust.all", SETTING_BOOL, "false", "lets clients in whose certificate nobody trusts yet", 0, 0, NULL, false},
    SETTINGS_LOG,
};
/* clang-format on */

static const struct settings_program program = {
    "plant",
    "A simulated factory: an OPC UA server whose values change by themselves.",
    table,
    sizeof(table) / sizeof(table[0]),
};

static struct plant_config config_of(const struct settings *s, struct opcua_pki *pki)
{
    return (struct plant_config){
        .server = {.host = settings_text(s, "listen"),
                   .port = (int)settings_integer(s, "port"),
                   .application_name = "millrace plant",
                   .pki = pki,
                   .user = settings_text(s, "user"),
                   .password = settings_text(s, "password"),
                   .refuse_none = !settings_bool(s, "none"),
                   .refuse_anonymous = !settings_bool(s, "anonymous")},
        .fast_nodes = (uint32_t)settings_integer(s, "fast.nodes"),
        .fast_ms = (uint32_t)settings_ms(s, "fast.interval"),
        .slow_nodes = (uint32_t)settings_integer(s, "slow.nodes"),
        .slow_ms = (uint32_t)settings_ms(s, "slow.interval"),
        .load_nodes = (uint32_t)settings_integer(s, "nodes"),
        .load_ms = (uint32_t)settings_ms(s, "interval"),
        .event_ms = (uint32_t)settings_ms(s, "events"),
        .history = settings_bool(s, "history"),
    };
}

static bool settings_fit(const struct settings *s)
{
    if (settings_text(s, "user") && settings_text(s, "password"))
        return true;
    if (!settings_text(s, "user") && !settings_text(s, "password") && settings_bool(s, "anonymous"))
        return true;
    log_error("user and password belong together, and one of anonymous and user is needed");
    return false;
}

/* Before any thread starts: all inherit the mask, and the signals wait for sigwait(). */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static int run(const struct settings *s)
{
    struct opcua_pki *pki = NULL;
    struct opcua_pki_config pki_config = {.directory = settings_text(s, "pki"),
                                          .application_uri = "urn:millrace:plant",
                                          .application_name = "millrace plant",
                                          .trust_all = settings_bool(s, "trust.all")};
    if (opcua_pki_open(&pki_config, &pki) != OK)
        return 1;
    sigset_t set;
    block_signals(&set);
    struct plant *p;
    struct plant_config config = config_of(s, pki);
    int code = plant_start(&config, &p) == OK ? 0 : 1;
    if (code == 0) {
        printf("%s\n", plant_url(p));
        fflush(stdout);
        log_info("plant ready url=%s nodes=%u", plant_url(p), config.load_nodes);
        int signal;
        sigwait(&set, &signal);
        log_info("plant stopping");
        plant_stop(&p);
    }
    opcua_pki_close(&pki);
    return code;
}

int plant_main(int argc, char **argv)
{
    struct settings *s;
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    settings_start_log(s);
    code = settings_fit(s) ? run(s) : 2;
    settings_free(&s);
    return code;
}
