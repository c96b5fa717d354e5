#include "writers/survey.h"

#include "writers/item.h"
#include "writers/writer.h"

static void take_item(const struct item *i, struct survey *s, struct survey_writer *out)
{
    UA_StatusCode status = i->place.status;
    out->heartbeats += item_heartbeat(i) != NULL;
    out->event_items += item_event(i) != NULL;
    if (status == UA_STATUSCODE_GOOD)
        out->live++;
    if (status == UA_STATUSCODE_GOOD || status == UA_STATUSCODE_GOODCALLAGAIN)
        return; /* there, or under way */
    out->failed++;
    if (s->failures_left == 0)
        return;
    s->failures_left--;
    out->failures[out->failure_count++] =
        (struct survey_failure){arena_copy(&s->arena, item_node(i)), status};
}

static void take_session(const struct opcua_session *session, struct survey_writer *out)
{
    const char *text;
    out->session = session;
    out->retries = opcua_session_failures(session);
    out->connected = opcua_session_state(session) == OPCUA_SESSION_READY;
    out->error = opcua_session_error(session, &text);
}

void survey_take_writer(struct survey *s, const struct writer *w, struct survey_writer *out)
{
    const struct opcua_connection *c = writer_connection(w);
    struct item *const *items;
    size_t count = writer_items(w, &items);
    *out = (struct survey_writer){
        .name = arena_copy(&s->arena, writer_name(w)),
        .endpoint_url = arena_copy(&s->arena, c->endpoint_url),
        .security_policy = arena_copy(&s->arena, c->security_policy),
        .user = arena_copy(&s->arena, c->user),
        .security = c->security,
        .certificate_user = c->certificate_user,
        .items = count,
    };
    if (s->failures_left)
        out->failures = arena_take(&s->arena, (count + 1) * sizeof *out->failures);
    for (size_t i = 0; i < count; i++)
        take_item(items[i], s, out);
    if (writer_session(w))
        take_session(writer_session(w), out);
}

void survey_clear(struct survey *s)
{
    arena_clear(&s->arena);
    *s = (struct survey){0};
}
