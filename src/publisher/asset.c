#include "publisher/asset.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/asset.h"
#include "opcua/ready.h"

#define WAIT_PIECE_MS 100

static struct loop *loop_of(const struct asset_work *w)
{
    return opcua_thread_loop(w->thread);
}

static uint32_t left_ms(const struct asset_work *w)
{
    uint64_t now = loop_now_ms(loop_of(w));
    return w->ends_ms > now ? (uint32_t)(w->ends_ms - now) : 1;
}

/* ---- the end ---- */

static void end(struct asset_work *w)
{
    opcua_session_unref(&w->session);
    w->done(w->arg);
}

static void finish(struct asset_work *w, UA_StatusCode status, const char *text)
{
    w->status = status;
    w->text = text;
    end(w);
}

static void on_undone(void *arg, UA_StatusCode status)
{
    struct asset_work *w = arg;
    w->made = status != UA_STATUSCODE_GOOD;
    end(w);
}

static bool read_id(struct asset_work *w, UA_NodeId *out)
{
    return opcua_node_id_parse(buffer_slice(&w->id), opcua_session_namespaces(w->session), out,
                               NULL) == OK;
}

/* An asset that is of no use is not left behind. */
static void fail(struct asset_work *w, UA_StatusCode status, const char *text)
{
    UA_NodeId id;
    w->status = status;
    w->text = text;
    if (!w->made || !read_id(w, &id)) {
        end(w);
        return;
    }
    opcua_asset_delete(w->session, &id, on_undone, w, ASSET_UNDO_MS);
    UA_NodeId_clear(&id);
}

/* ---- the session ---- */

static void on_ready(struct asset_work *w, UA_StatusCode status, void (*go_on)(struct asset_work *))
{
    w->unreachable = status != UA_STATUSCODE_GOOD;
    if (w->unreachable)
        finish(w, status, NULL);
    else
        go_on(w);
}

/* `fn` goes on with on_ready(). */
static void begin(struct asset_work *w, opcua_ready_fn *fn)
{
    if (!w->ends_ms)
        w->ends_ms = loop_now_ms(loop_of(w)) + w->timeout_ms;
    uint32_t left = left_ms(w);
    w->session = opcua_session_get(w->thread, &w->at->connection);
    opcua_ready(w->session, fn, w, left < ASSET_CONNECT_MS ? left : ASSET_CONNECT_MS);
}

static struct slice id_text(struct asset_work *w, const UA_NodeId *id, struct buffer *out)
{
    buffer_reset(out);
    opcua_node_id_print(id, opcua_session_namespaces(w->session), OPCUA_ID_EXPANDED, out);
    return buffer_slice(out);
}

/* ---- its variables ---- */

static void expand(struct asset_work *w, struct plan_item *items, size_t count, expand_fn *fn)
{
    struct plan_writer what = {
        .connection = w->at->connection, .items = items, .item_count = count};
    struct expand_options options = {.no_objects = true, .timeout_ms = left_ms(w)};
    expand_begin(w->thread, &what, &options, fn, w);
}

static void on_variables(void *arg, struct expansion *found)
{
    struct asset_work *w = arg;
    w->found = *found;
    UA_StatusCode status = found->status;
    size_t variables = 0;
    for (size_t i = 0; i < found->count; i++) {
        variables += found->results[i].count;
        if (status == UA_STATUSCODE_GOOD)
            status = found->results[i].status;
    }
    if (status != UA_STATUSCODE_GOOD)
        fail(w, status, NULL);
    else if (variables == 0)
        fail(w, UA_STATUSCODE_BADNOTFOUND, "The server made no variables of the description.");
    else
        finish(w, UA_STATUSCODE_GOOD, NULL);
}

static void find_variables(struct asset_work *w)
{
    struct plan_item item = {.node = buffer_slice(&w->id)};
    expand(w, &item, 1, on_variables);
}

/* ---- its description ---- */

static void wait(struct asset_work *w);

static void on_waited(void *arg, UA_StatusCode status, void *response)
{
    struct asset_work *w = arg;
    (void)response;
    if (status != UA_STATUSCODE_GOOD) /* the session has ended */
        fail(w, status, NULL);
    else
        wait(w);
}

/* In pieces: the program may end meanwhile. */
static void wait(struct asset_work *w)
{
    uint64_t now = loop_now_ms(loop_of(w)), left = w->find_ms > now ? w->find_ms - now : 0;
    if (atomic_load(w->ends))
        fail(w, UA_STATUSCODE_BADSHUTDOWN, "The publisher ends.");
    else if (left > 0)
        opcua_session_wait(w->session, (uint32_t)(left < WAIT_PIECE_MS ? left : WAIT_PIECE_MS),
                           on_waited, w);
    else
        find_variables(w);
}

static void on_described(void *arg, UA_StatusCode status)
{
    struct asset_work *w = arg;
    w->find_ms = loop_now_ms(loop_of(w)) + w->wait_ms;
    if (status != UA_STATUSCODE_GOOD)
        fail(w, status, NULL);
    else
        wait(w);
}

static void describe(struct asset_work *w)
{
    UA_NodeId id;
    if (!read_id(w, &id)) {
        finish(w, UA_STATUSCODE_BADNODEIDINVALID, NULL);
        return;
    }
    opcua_asset_describe(w->session, &id, w->thing, on_described, w, left_ms(w));
    UA_NodeId_clear(&id);
}

static void on_ready_to_describe(void *arg, UA_StatusCode status)
{
    on_ready(arg, status, describe);
}

void asset_describe_ua(struct asset_work *w)
{
    w->exists = false;
    begin(w, on_ready_to_describe);
}

/* ---- create ---- */

static void on_others(void *arg, UA_StatusCode status, const struct opcua_asset *assets,
                      size_t count)
{
    struct asset_work *w = arg;
    for (size_t i = 0; i < count && status == UA_STATUSCODE_GOOD && !w->exists; i++) {
        w->exists = slice_eq(assets[i].name, w->name);
        if (w->exists)
            id_text(w, assets[i].id, &w->id);
    }
    finish(w, UA_STATUSCODE_BADBROWSENAMEDUPLICATED, "The server has an asset of that name.");
}

static void on_created(void *arg, UA_StatusCode status, const UA_NodeId *asset)
{
    struct asset_work *w = arg;
    if (status == UA_STATUSCODE_BADBROWSENAMEDUPLICATED) {
        opcua_asset_list(w->session, on_others, w, left_ms(w));
    } else if (status != UA_STATUSCODE_GOOD) {
        finish(w, status,
               status == UA_STATUSCODE_BADNOTSUPPORTED
                   ? "The server has no Web of Things connectivity (OPC 10100-1)."
                   : NULL);
    } else {
        w->made = true;
        id_text(w, asset, &w->id);
        opcua_asset_describe(w->session, asset, w->thing, on_described, w, left_ms(w));
    }
}

static void create(struct asset_work *w)
{
    opcua_asset_create(w->session, w->name, on_created, w, left_ms(w));
}

static void on_ready_to_create(void *arg, UA_StatusCode status)
{
    on_ready(arg, status, create);
}

void asset_create_ua(struct asset_work *w)
{
    begin(w, on_ready_to_create);
}

/* ---- delete ---- */

static void on_deleted(void *arg, UA_StatusCode status)
{
    finish(arg, status, NULL);
}

static void delete (struct asset_work *w)
{
    UA_NodeId id;
    if (!read_id(w, &id)) {
        finish(w, UA_STATUSCODE_BADNODEIDINVALID,
               "The data set writer id is the node id of no asset of this server.");
        return;
    }
    opcua_asset_delete(w->session, &id, on_deleted, w, left_ms(w));
    UA_NodeId_clear(&id);
}

static void on_ready_to_delete(void *arg, UA_StatusCode status)
{
    on_ready(arg, status, delete);
}

void asset_delete_ua(struct asset_work *w)
{
    begin(w, on_ready_to_delete);
}

/* ---- list ---- */

static void on_all_variables(void *arg, struct expansion *found)
{
    struct asset_work *w = arg;
    w->found = *found;
    finish(w, found->status, NULL);
}

static void on_list(void *arg, UA_StatusCode status, const struct opcua_asset *assets, size_t count)
{
    struct asset_work *w = arg;
    struct buffer id = {0};
    if (status == UA_STATUSCODE_BADNOTSUPPORTED)
        status = UA_STATUSCODE_GOOD;
    if (status != UA_STATUSCODE_GOOD || count == 0) {
        finish(w, status, NULL);
        return;
    }
    struct plan_item *items = memory_new(count * sizeof *items);
    w->listed = ARENA_TAKE_N(&w->arena, struct asset_listed, count);
    w->listed_count = count;
    for (size_t i = 0; i < count; i++) {
        w->listed[i] =
            (struct asset_listed){.id = arena_copy(&w->arena, id_text(w, assets[i].id, &id)),
                                  .name = arena_copy(&w->arena, assets[i].name)};
        items[i].node = w->listed[i].id;
    }
    expand(w, items, count, on_all_variables);
    free(items);
    buffer_clear(&id);
}

static void list(struct asset_work *w)
{
    opcua_asset_list(w->session, on_list, w, left_ms(w));
}

static void on_ready_to_list(void *arg, UA_StatusCode status)
{
    on_ready(arg, status, list);
}

void asset_list_ua(struct asset_work *w)
{
    begin(w, on_ready_to_list);
}

void asset_work_clear(struct asset_work *w)
{
    buffer_clear(&w->id);
    expansion_clear(&w->found);
    arena_clear(&w->arena);
}
