/*
 * Every option of OPC Publisher that is a setting here, on a command line: what comes of it. The
 * lines are those of the plan of one entry with one node, and of what else the publisher is started
 * with, that were not there without the option.
 */
#include "publisher/publisher_options.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "published/config.h"
#include "published/plan_print.h"
#include "publisher/pki_settings.h"
#include "publisher/publisher_settings.h"
#include "publisher/session_settings.h"
#include "settings/dialect.h"
#include "settings/flag.h"

#define ROWS_MAX 220
#define FILE_TEXT                                                                                  \
    "[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\", "                        \
    "\"OpcPublishingInterval\": 2000}]}]"

struct row {
    const char *option; /* as it is written, or several apart by blanks */
    const char *gives;
};

/* clang-format off */
static const struct row rows[] = {
    {"-f=x.json", "config.path=x.json\n"},
    {"--cf", "config.create=1\n"},
    {"--fe", "config.credentials_forced=1\n"},
    {"--IOTEDGE_WORKLOADURI=http://w", "config.workload_uri=http://w\n"},
    {"--IOTEDGE_MODULEID=m", "config.workload_module=m\n"},
    {"--IOTEDGE_MODULEGENERATIONID=g", "config.workload_generation=g\n"},
    {"--id=p", "group.publisher_id=p\n"},
    {"--pi", "config.init_file=publishednodes.init\n"},
    {"--pi=x.init", "config.init_file=x.init\n"},
    {"--il=x.log", "config.init_log=x.log\n"},
    {"--rs", "config.runtime_state=1\n"},
    {"-c", "group.mode=3\ngroup.strict=1\ngroup.metadata=1\n-group.batch_size\n-group.batch_ms\n"},
    {"--nf=Index", "group.names=2\n"},
    {"--mm=PubSub", "group.mode=3\n"},
    {"--fm", "group.mode=2\n"},
    {"--ode", "group.lone_value=1\n"},
    {"--me=JsonGzip", "group.encoding=3\n"},
    {"--bi=250", "group.batch_ms=250\n"},
    {"--si=3", "group.batch_ms=3000\n"},
    {"--bs=7", "group.batch_size=7\n"},
    {"--rdb", "group.last_in_batch=1\n"},
    {"--ms=2000", "config.body_max=2000\n"},
    {"--qos=AtMostOnce", "group.route.qos=1\n"},
    {"--ttl=60000", "group.route.ttl_ms=60000\n"},
    {"--retain", "group.route.retain=2\n"},
    {"--mts=PublishTime", "group.stamp=1\n"},
    {"--npd=10", "defaults.nodes_per_writer=10\n"},
    {"--kfc=5", "writer.key_frame_count=5\n"},
    {"--ka", "writer.keep_alive_messages=1\n"},
    {"--kaf", "writer.keep_alive_key_frames=1\n"},
    {"--msi=3000", "writer.metadata_route.ttl_ms=3000\nwriter.metadata_ms=3000\n"},
    {"--dm -c", "group.mode=3\ngroup.strict=1\n-group.batch_size\n-group.batch_ms\n"},
    {"--ps", "group.schemas=1\n"},
    {"--wgp=4", "group.partitions=4\noutbox.partitions=4\n"},
    {"-t=Mqtt", "group.transport=2\noutbox.transport=2\n"},
    {"--mqc=HostName=h", "outbox.connections[2]=HostName=h\n"},
    {"--eh=Endpoint=e", "outbox.connections[3]=Endpoint=e\n"},
    {"--hcs=HostName=w", "outbox.connections[4]=HostName=w\n"},
    {"-o=/out", "outbox.connections[5]=/out\n"},
    {"--dcs=PubSubComponent=c", "outbox.connections[7]=PubSubComponent=c\n"},
    {"--rtt=r", "topics[0]=r\n"},
    {"--mtt=m", "topics[6]=m\n"},
    {"--ttt=t", "topics[1]=t\n"},
    {"--ett=e", "topics[2]=e\n"},
    {"--dtt=d", "topics[3]=d\n"},
    {"--mdt", "topics[4]={TelemetryTopic}/metadata\n"},
    {"--stt=s", "topics[5]=s\n"},
    {"--uns=UseBrowseNames", "writer.routing=2\n"},
    {"--ri", "group.routing_info=1\n"},
    {"--ce", "group.cloud_events=1\n"},
    {"--oi=250", "item.sampling_ms=250\n"},
    {"--op=250 --ipi", "writer.publishing_ms=250\n"},
    {"--ska=3", "writer.keep_alive_count=3\n"},
    {"--MaxKeepAliveCount=3", "writer.keep_alive_count=3\n"},
    {"--slt=9", "defaults.lifetime_count=9\n"},
    {"--fd", "item.fetch_display_name=1\n"},
    {"--qs=3", "item.queue_size=3\n"},
    {"--mq=3", "item.queue_size=3\n"},
    {"--aq", "item.queue_size=2\n"},
    {"--ndo", "item.discard_new=1\n"},
    {"--mc=Status", "item.trigger=1\n"},
    {"--mwt=9", "writer.watchdog_ms=9000\n"},
    {"--mwc=WhenAnyIsLate", "writer.watchdog_condition=2\n"},
    {"--dwb=Reset", "writer.watchdog_behavior=2\n"},
    {"--sf", "item.skip_first=1\n"},
    {"--rat", "writer.republish=1\n"},
    {"--hbb=PeriodicLKG", "item.heartbeat=3\n"},
    {"--hb=30", "item.heartbeat_ms=30000\n"},
    {"--ucr", "item.cyclic_read=1\n"},
    {"--xmi=500", "defaults.items_per_subscription=500\n"},
    {"--rbp=01:00:00", "defaults.rebrowse_ms=3600000\n"},
    {"--bnr=60", "tuning.item_retry_s=60\n"},
    {"--inr=60", "tuning.invalid_retry_s=60\n"},
    {"--bmd=60", "tuning.item_retry_s_max=60\n"},
    {"--imd=60", "tuning.invalid_retry_s_max=60\n"},
    {"--ser=7", "tuning.subscription_retry_ms=7000\n"},
    {"--urc", "connection.reverse=1\n"},
    {"--dtr", "writer.no_transfer=1\n"},
    {"--dsg=false", "connection.group=<<UnknownWriterGroup>>\n"},
    {"--ipi", "writer.publishing_ms=1000\n"},
    {"--aa", "pki.trust_all=1\n"},
    {"--ct=7", "thread.try_ms=7000\n"},
    {"--mr=500", "tuning.reconnect_ms_min=500\n"},
    {"--xr=5000", "tuning.reconnect_ms_max=5000\n"},
    {"--sto=30", "tuning.session_timeout_ms=30000\n"},
    {"--ki=7000", "thread.silence_ms=7000\n"}, /* as 2.8 has it */
    {"--ki=7", "thread.silence_ms=7000\n"},
    {"--ot=7000", "tuning.call_ms=7000\n"},
    {"--rcp=4841", "thread.reverse_port=4841\n"},
    {"--otl=600000", "tuning.token_ms=600000\n"},
    {"--cl=7", "thread.lease_ms=7000\n"},
    {"--mnr=100", "tuning.nodes_per_read=100\n"},
    {"--mnb=100", "tuning.nodes_per_browse=100\n"},
    {"--mpr=3", "tuning.publish_min=3\n"},
    {"--ppr=100", "tuning.publish_percent=100\n"},
    {"--xpr=9", "tuning.publish_max=9\n"},
    {"--au=urn:x", "pki.application_uri=urn:x\n"},
    {"--an=name", "pki.application_name=name\n"},
    {"--rur=false", "pki.accept_unknown_revocation=1\n"},
    {"--rejectsha1=false", "pki.accept_sha1=1\n"},
    {"--mks=2048", "pki.key_bits_min=2048\n"},
    {"--tm=false", "-pki.trust_self\n"},
    {"--pki=/p", "pki.directory=/p\n"},
    {"--ap=/a", "folders[0]=/a\n"},
    {"--apt=FlatDirectory", "folders[0] is flat\n"},
    {"--apw=secret", "pki.own_password=secret\n"},
    {"--cfa", "pki.adopt=1\n"},
    {"--tp=/t", "folders[1]=/t\n"},
    {"--tpt=FlatDirectory", "folders[1] is flat\n"},
    {"--rp=/r", "folders[3]=/r\n"},
    {"--rpt=FlatDirectory", "folders[3] is flat\n"},
    {"--ip=/i", "folders[2]=/i\n"},
    {"--ipt=FlatDirectory", "folders[2] is flat\n"},
    {"--up=/u", "folders[4]=/u\n"},
    {"--upt=FlatDirectory", "folders[4] is flat\n"},
    {"--uip=/ui", "folders[5]=/ui\n"},
    {"--uit=FlatDirectory", "folders[5] is flat\n"},
    {"--di=7", "config.diagnostics_ms=7000\n"},
    {"--pd=Events", "config.diagnostics_as_events=1\n"},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- settings ---- */

static struct setting table[ROWS_MAX];
static struct settings_program program = {"publisher", "", table, 0, false, &publisher_dialect};

static void add(const struct setting *more, size_t count)
{
    assert_true(program.count + count <= ROWS_MAX);
    memcpy(table + program.count, more, count * sizeof table[0]);
    program.count += count;
}

static int set_up(void **state)
{
    (void)state;
    add(publisher_settings, publisher_settings_count);
    add(pki_settings, pki_settings_count);
    add(session_settings, session_settings_count);
    return 0;
}

#define WORDS_MAX 8

static struct settings *load(const char *line)
{
    char copy[300], *argv[WORDS_MAX] = {"publisher"};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *rest = copy, *word; argc < WORDS_MAX && (word = strtok_r(rest, " ", &rest));)
        argv[argc++] = word;
    struct settings *s = NULL;
    if (settings_load(&program, argc, argv, &s) != -1)
        fail_msg("'%s' is not taken", line);
    return s;
}

/* ---- what they come to, in lines ---- */

#define NUMBER(of, field) print_number(out, #of "." #field, (int64_t)(of)->field)
#define TEXT(of, field) print_text(out, #of "." #field, slice_of((of)->field ? (of)->field : ""))

static void print_group_more(const struct plan_group *group, struct buffer *out)
{
    NUMBER(group, metadata), NUMBER(group, schemas), NUMBER(group, names), NUMBER(group, stamp);
    NUMBER(group, lone_value), NUMBER(group, last_in_batch), NUMBER(group, routing_info);
    NUMBER(group, cloud_events);
}

static void print_publisher(const struct publisher_config *config, struct buffer *out)
{
    const struct outbox_options *outbox = &config->outbox;
    const struct plan_defaults *defaults = &config->defaults;
    TEXT(config, path), NUMBER(config, create), TEXT(config, init_file), TEXT(config, init_log);
    TEXT(config, workload_uri), TEXT(config, workload_module), TEXT(config, workload_generation);
    NUMBER(config, credentials_forced), NUMBER(config, diagnostics_ms);
    NUMBER(config, diagnostics_as_events), NUMBER(config, runtime_state), NUMBER(config, body_max);
    NUMBER(defaults, nodes_per_writer), NUMBER(defaults, lifetime_count);
    NUMBER(defaults, items_per_subscription), NUMBER(defaults, rebrowse_ms);
    NUMBER(outbox, transport), NUMBER(outbox, partitions);
    for (size_t i = 0; i < COUNT(outbox->connections); i++)
        if (outbox->connections[i])
            buffer_printf(out, "outbox.connections[%zu]=%s\n", i, outbox->connections[i]);
    for (size_t i = 0; i < COUNT(config->topics.of); i++)
        if (config->topics.of[i].len)
            buffer_printf(out, "topics[%zu]=%.*s\n", i, SLICE_FMT(config->topics.of[i]));
}

static void print_session(const struct settings *s, struct buffer *out)
{
    struct opcua_thread_config c = {0}, *thread = &c;
    session_settings_read(s, thread);
    const struct opcua_tuning *tuning = &thread->tuning;
    NUMBER(thread, try_ms), NUMBER(thread, silence_ms), NUMBER(thread, lease_ms);
    NUMBER(thread, reverse_port), NUMBER(tuning, reconnect_ms_min),
        NUMBER(tuning, reconnect_ms_max);
    NUMBER(tuning, session_timeout_ms), NUMBER(tuning, token_ms), NUMBER(tuning, call_ms);
    NUMBER(tuning, publish_min), NUMBER(tuning, publish_percent), NUMBER(tuning, publish_max);
    NUMBER(tuning, item_retry_s), NUMBER(tuning, item_retry_s_max), NUMBER(tuning, invalid_retry_s);
    NUMBER(tuning, invalid_retry_s_max), NUMBER(tuning, subscription_retry_ms);
    NUMBER(tuning, nodes_per_read), NUMBER(tuning, nodes_per_browse);
}

static void print_pki(const struct settings *s, struct buffer *out)
{
    struct opcua_pki_config c = pki_settings_read(s), *pki = &c;
    TEXT(pki, directory), TEXT(pki, application_uri), TEXT(pki, application_name);
    TEXT(pki, own_password), NUMBER(pki, adopt), NUMBER(pki, trust_all), NUMBER(pki, trust_self);
    NUMBER(pki, accept_unknown_revocation), NUMBER(pki, accept_sha1), NUMBER(pki, key_bits_min);
    for (size_t i = 0; i < COUNT(pki->folders); i++) {
        if (pki->folders[i].path)
            buffer_printf(out, "folders[%zu]=%s\n", i, pki->folders[i].path);
        if (pki->folders[i].flat)
            buffer_printf(out, "folders[%zu] is flat\n", i);
    }
}

static void print_all(const char *line, struct buffer *out)
{
    struct settings *s = load(line);
    struct publisher_config config = publisher_settings_read(s, "me");
    struct config file;
    struct plan plan;
    assert_int_equal(config_read(SLICE(FILE_TEXT), &file), OK);
    plan_make(&file, &config.defaults, &plan);
    plan_print(&plan, out);
    print_group_more(&plan.groups[0], out);
    print_publisher(&config, out);
    print_session(s, out);
    print_pki(s, out);
    plan_clear(&plan);
    config_clear(&file);
    settings_free(&s);
}

static bool has_line(struct slice lines, struct slice begins_with)
{
    struct slice line;
    while (lines.len && slice_split(&lines, '\n', &line))
        if (slice_starts(line, begins_with) &&
            (line.len == begins_with.len || line.at[begins_with.len - 1] == '='))
            return true;
    return false;
}

/* New lines; and "-name" of those that are gone, because what says nothing is left out. */
static void put_difference(struct slice before, struct slice after, struct buffer *out)
{
    struct slice line, rest = after;
    while (rest.len && slice_split(&rest, '\n', &line))
        if (line.len && !has_line(before, line))
            buffer_printf(out, "%.*s\n", SLICE_FMT(line));
    while (before.len && slice_split(&before, '\n', &line)) {
        struct slice name = slice_first(line, slice_find(line, '='));
        if (line.len && !has_line(after, slice_first(line, name.len + 1)))
            buffer_printf(out, "-%.*s\n", SLICE_FMT(name));
    }
}

static void every_option_has_its_effect(void **state)
{
    (void)state;
    struct buffer before = {0}, after = {0}, news = {0};
    print_all("", &before);
    for (size_t i = 0; i < COUNT(rows); i++) {
        buffer_reset(&after);
        buffer_reset(&news);
        print_all(rows[i].option, &after);
        put_difference(buffer_slice(&before), buffer_slice(&after), &news);
        if (strcmp(buffer_cstr(&news), rows[i].gives) != 0)
            fail_msg("%s gives\n%s instead of\n%s", rows[i].option, buffer_cstr(&news),
                     rows[i].gives);
    }
    buffer_clear(&before);
    buffer_clear(&after);
    buffer_clear(&news);
}

/* Of the host's settings api_test and the tests of the whole program show the effect. */
static void no_option_is_without_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < publisher_dialect.count; i++) {
        const struct settings_option *o = &publisher_dialect.options[i];
        if (!o->setting || settings_row_find(&program, slice_of(o->setting)) < 0)
            continue;
        bool found = false;
        for (size_t k = 0; k < COUNT(rows) && !found; k++) {
            const char *word = rows[k].option + strspn(rows[k].option, "-");
            found = settings_option_find(&publisher_dialect,
                                         slice_from(word, strcspn(word, "= "))) == o;
        }
        if (!found)
            fail_msg("--%s (%s) has no row here", o->names, o->variable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_its_effect),
        cmocka_unit_test(no_option_is_without_a_row),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
