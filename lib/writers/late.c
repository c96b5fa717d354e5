#include "writers/late.h"

#include "writers/item.h"
#include "writers/writer.h"

static void put(struct item *i, const UA_DataValue *v)
{
    struct writer *w = i->place.writer;
    struct group *g = writer_group(w);
    if (!group_can_say(g, v))
        return;
    struct data_set *d = writer_begin_late(w);
    const struct opcua_namespaces *names =
        opcua_session_namespaces(source_session(i->place.source));
    UA_DateTime now = UA_DateTime_now();
    if (group_form(g)->samples) {
        group_sample(
            g, d,
            &(struct sample){
                .node = item_head(i), .label = item_label(i), .value = v, .now = now, .late = true},
            names);
    } else {
        group_begin(g, d, &(struct data_set_head){.frame = FRAME_DELTA, .now = now, .late = true},
                    names);
        group_field(g, item_head(i), i->number, v);
        group_end(g);
    }
    group_notified(g, d);
    writer_end_late(w);
}

static void on_late(void *arg, const UA_DataValue *v)
{
    put(arg, v);
}

static void on_lost(void *arg, UA_DateTime from, UA_DateTime until)
{
    UA_DataValue v = {.hasStatus = true,
                      .status = UA_STATUSCODE_BADDATALOST,
                      .hasSourceTimestamp = true,
                      .sourceTimestamp = from,
                      .hasServerTimestamp = true,
                      .serverTimestamp = until};
    put(arg, &v);
}

static bool has_room(void *arg)
{
    struct item *i = arg;
    return source_has_room(&i->place);
}

const struct backfill_events late_events = {
    .on_late = on_late, .on_lost = on_lost, .has_room = has_room};
