#include "discovery/find_server.h"

#include <stdlib.h>

#include "base/memory.h"
#include "discovery/report.h"
#include "opcua/inquiry.h"
#include "json/json.h"

struct find {
    struct link link, ua_link;
    struct find_server *owner;
    struct module_call *call; /* NULL: its caller has given up */
    struct arena arena;
    struct slice discovery_url, url, mode, policy, certificate; /* of the query */
    struct opcua_inquiry *inquiry;                              /* the OPC UA thread's */
    UA_StatusCode status;
    struct opcua_inquiry_answer answer;
};

static void find_free(struct find *f)
{
    opcua_inquiry_answer_clear(&f->answer);
    arena_clear(&f->arena);
    free(f);
}

/* ---- what fits ---- */

static bool is(struct slice wanted, struct slice value)
{
    return wanted.len == 0 || slice_eq_nocase(wanted, value);
}

static bool mode_fits(struct slice wanted, const char *mode)
{
    if (slice_eq_nocase(wanted, SLICE("NotNone")))
        return strcmp(mode, "None") != 0;
    return slice_eq_nocase(wanted, SLICE("Best")) || is(wanted, slice_of(mode));
}

static bool url_fits(const struct find *f, const struct found_endpoint *e)
{
    bool fits = is(f->url, e->url) || is(f->url, e->reachable);
    for (size_t i = 0; i < e->alternatives.count; i++)
        fits = fits || is(f->url, e->alternatives.items[i]);
    return fits;
}

static bool fits(const struct find *f, const struct found_endpoint *e)
{
    return mode_fits(f->mode, e->mode) && is(f->policy, e->policy) &&
           is(f->certificate, e->thumbprint) && url_fits(f, e);
}

/* ---- the answer, on the module's loop ---- */

/* Of the application of the first that fits: a server has one. */
static size_t choose(struct find *f, const struct found *found, const struct found_endpoint **out)
{
    size_t count = 0;
    for (size_t i = 0; i < found->count; i++)
        if (fits(f, found->list[i]) &&
            (count == 0 || found->list[i]->application == out[0]->application))
            out[count++] = found->list[i];
    return count;
}

static void reply_found(struct find *f, const struct found *found)
{
    struct module *m = f->owner->module;
    struct buffer id = {0}, out = {0};
    const struct found_endpoint **list =
        ARENA_TAKE_N(&f->arena, const struct found_endpoint *, found->count + 1);
    size_t count = choose(f, found, list);
    buffer_text(&id, module_device_id(m));
    if (module_id(m)[0])
        buffer_printf(&id, "_module_%s", module_id(m));
    struct report r = {.discoverer_id = buffer_slice(&id), .site = slice_of(module_site(m))};
    if (count > 0) {
        discovery_report_put_registration(&r, list, count, &out);
        module_reply(f->call, 200, buffer_slice(&out));
    } else {
        module_reply_error(f->call, NOT_FOUND, "The server has no endpoint like that.");
    }
    buffer_clear(&id);
    buffer_clear(&out);
}

static void reply(struct find *f)
{
    struct find_server *o = f->owner;
    const char *site = module_site(o->module);
    struct found found = {0};
    if (f->status != UA_STATUSCODE_GOOD) {
        module_reply_error(f->call, NOT_FOUND, "No server tells its endpoints at that url.");
        return;
    }
    (void)discovery_found_add(&found, slice_of(site && site[0] ? site : module_device_id(o->module)),
                              f->discovery_url, &f->answer);
    reply_found(f, &found);
    discovery_found_clear(&found);
}

static void on_arrived(void *arg)
{
    struct find *f = arg;
    list_remove(&f->link);
    f->owner->count--;
    if (f->call)
        reply(f);
    find_free(f);
}

/* ---- asking, on the OPC UA thread ---- */

static void on_answer(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *answer)
{
    struct find *f = arg;
    f->inquiry = NULL;
    list_remove(&f->ua_link);
    f->status = status;
    f->answer = *answer;
    *answer = (struct opcua_inquiry_answer){0}; /* moved */
    loop_post(f->owner->loop, on_arrived, f);
}

static void ask_ua(void *arg)
{
    struct find *f = arg;
    if (f->owner->dropped)
        return; /* the program ends */
    list_push(&f->owner->asked, &f->ua_link);
    f->inquiry = opcua_inquire(f->owner->thread, f->discovery_url, NULL, 0, on_answer, f,
                               FIND_SERVER_MS);
}

/* ---- the call ---- */

static void on_ended(void *arg)
{
    ((struct find *)arg)->call = NULL;
}

static struct slice member(struct find *f, const struct json *query, const char *name)
{
    return arena_copy(&f->arena, slice_trim(json_string(json_get_nocase(query, name))));
}

void discovery_find_server(struct find_server *o, struct module_call *c)
{
    const struct json *query = module_call_payload(c);
    if (o->count == FIND_SERVER_MAX) {
        module_reply_error(c, BUSY, "Too many servers are being asked.");
        return;
    }
    struct find *f = MEMORY_NEW(struct find);
    *f = (struct find){.owner = o, .call = c};
    f->discovery_url = member(f, query, "discoveryUrl");
    f->url = member(f, query, "url");
    f->mode = member(f, query, "securityMode");
    f->policy = member(f, query, "securityPolicy");
    f->certificate = member(f, query, "certificate");
    if (f->discovery_url.len == 0)
        f->discovery_url = f->url;
    if (!slice_starts(f->discovery_url, SLICE("opc.tcp://"))) {
        find_free(f);
        module_reply_error(c, BAD_ARGUMENT, "discoveryUrl: begins with opc.tcp://");
        return;
    }
    list_push(&o->finds, &f->link);
    o->count++;
    module_call_wait(c, on_ended, f);
    opcua_thread_post(o->thread, ask_ua, f);
}

/* ---- beginning and end ---- */

void discovery_find_server_init(struct find_server *f, struct module *module,
                                struct opcua_thread *thread)
{
    *f = (struct find_server){.module = module, .loop = module_loop(module), .thread = thread};
    list_init(&f->finds);
    list_init(&f->asked);
}

void discovery_find_server_drop(void *arg)
{
    struct find_server *o = arg;
    o->dropped = true;
    for (struct link *l; (l = list_pop(&o->asked));) {
        struct find *f = LIST_OF(l, struct find, ua_link);
        opcua_inquiry_cancel(f->inquiry);
        f->inquiry = NULL;
    }
}

void discovery_find_server_clear(struct find_server *o)
{
    for (struct link *l; (l = list_pop(&o->finds));)
        find_free(LIST_OF(l, struct find, link));
}
