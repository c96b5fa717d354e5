#include "opcua/asset.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/file.h"
#include "opcua/method.h"

/* Of the companion specification's namespace. */
#define ASSETS 31 /* WoTAssetConnectionManagement */
#define CONFIGURATION_TYPE                                                                         \
    105               /* WoTAssetConfigurationType: beside the assets, and none of them            \
                       */
#define FILE_TYPE 110 /* WoTAssetFileType */

struct job {
    struct opcua_session *session;
    uint64_t ends_ms;
    UA_UInt16 space; /* of the companion specification; 0: the server does not know it */
    struct slice thing;
    opcua_asset_fn *fn;
    opcua_asset_done_fn *done;
    opcua_asset_list_fn *list;
    void *arg;
};

static uint64_t now_ms(const struct job *j)
{
    return loop_now_ms(opcua_thread_loop(opcua_session_thread(j->session)));
}

static uint32_t left_ms(const struct job *j)
{
    uint64_t now = now_ms(j);
    return j->ends_ms > now ? (uint32_t)(j->ends_ms - now) : 1;
}

static void job_free(struct job *j)
{
    opcua_session_unref(&j->session);
    free(j);
}

static void end(struct job *j, UA_StatusCode status, const UA_NodeId *asset)
{
    if (j->fn)
        j->fn(j->arg, status, asset);
    else
        j->done(j->arg, status);
    job_free(j);
}

/* Index 0 is never it: OPC UA's own. */
static UA_UInt16 space_of(const struct opcua_session *s)
{
    const struct opcua_namespaces *names = opcua_session_namespaces(s);
    for (size_t i = 1; i < names->count; i++)
        if (slice_eq(opcua_slice(names->uris[i]), SLICE(OPCUA_ASSET_SPACE)))
            return (UA_UInt16)i;
    return 0;
}

static struct job *job_new(struct opcua_session *s, void *arg, uint32_t timeout_ms)
{
    struct job *j = MEMORY_NEW(struct job);
    j->session = opcua_session_ref(s);
    j->ends_ms = now_ms(j) + timeout_ms;
    j->space = space_of(s);
    j->arg = arg;
    return j;
}

static void on_unsupported(void *arg)
{
    struct job *j = arg;
    if (j->list) {
        j->list(j->arg, UA_STATUSCODE_BADNOTSUPPORTED, NULL, 0);
        job_free(j);
    } else {
        end(j, UA_STATUSCODE_BADNOTSUPPORTED, NULL);
    }
}

/* False: the job ends later. */
static bool is_supported(struct job *j)
{
    if (j->space == 0)
        loop_defer(opcua_thread_loop(opcua_session_thread(j->session)), on_unsupported, j);
    return j->space != 0;
}

/* A method of the place of assets. */
static void ask(struct job *j, const char *method, const UA_Variant *input, opcua_method_fn *fn)
{
    UA_NodeId place = UA_NODEID_NUMERIC(j->space, ASSETS);
    UA_QualifiedName name = opcua_method_name(method);
    name.namespaceIndex = j->space;
    if (is_supported(j))
        opcua_method_call(j->session, &place, name, input, 1, fn, j, left_ms(j));
}

/* ---- create, delete ---- */

static void on_created(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct job *j = arg;
    const UA_NodeId *asset = opcua_method_output(outputs, count, 0, UA_TYPES_NODEID);
    if (status == UA_STATUSCODE_GOOD && (asset == NULL || UA_NodeId_isNull(asset)))
        status = UA_STATUSCODE_BADNODEIDINVALID;
    end(j, status, status == UA_STATUSCODE_GOOD ? asset : NULL);
}

void opcua_asset_create(struct opcua_session *s, struct slice name, opcua_asset_fn *fn, void *arg,
                        uint32_t timeout_ms)
{
    struct job *j = job_new(s, arg, timeout_ms);
    UA_String text = opcua_string_of(name);
    UA_Variant input;
    j->fn = fn;
    UA_Variant_setScalar(&input, &text, &UA_TYPES[UA_TYPES_STRING]);
    ask(j, "CreateAsset", &input, on_created);
}

static void on_deleted(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct job *j = arg;
    (void)outputs, (void)count;
    end(j, status, NULL);
}

void opcua_asset_delete(struct opcua_session *s, const UA_NodeId *asset, opcua_asset_done_fn *fn,
                        void *arg, uint32_t timeout_ms)
{
    struct job *j = job_new(s, arg, timeout_ms);
    UA_NodeId id = *asset;
    UA_Variant input;
    j->done = fn;
    UA_Variant_setScalar(&input, &id, &UA_TYPES[UA_TYPES_NODEID]);
    ask(j, "DeleteAsset", &input, on_deleted);
}

/* ---- what there is ---- */

static void browse(struct job *j, const UA_NodeId *node, uint32_t references,
                   opcua_browse_all_fn *fn)
{
    UA_BrowseDescription what = {.nodeId = *node,
                                 .browseDirection = UA_BROWSEDIRECTION_FORWARD,
                                 .referenceTypeId = UA_NODEID_NUMERIC(0, references),
                                 .includeSubtypes = true,
                                 .nodeClassMask = UA_NODECLASS_OBJECT,
                                 .resultMask = UA_BROWSERESULTMASK_ALL};
    if (is_supported(j))
        opcua_browse_all(j->session, &what, fn, j, left_ms(j));
}

static bool is_of(const struct job *j, const UA_ReferenceDescription *d, uint32_t type)
{
    UA_NodeId id = UA_NODEID_NUMERIC(j->space, type);
    return UA_NodeId_equal(&d->typeDefinition.nodeId, &id);
}

static void on_list(void *arg, UA_StatusCode status, UA_ReferenceDescription *references,
                    size_t count)
{
    struct job *j = arg;
    struct opcua_asset *assets = memory_new((count + 1) * sizeof(*assets));
    size_t n = 0;
    for (size_t i = 0; i < count && status == UA_STATUSCODE_GOOD; i++)
        if (!is_of(j, &references[i], CONFIGURATION_TYPE))
            assets[n++] = (struct opcua_asset){&references[i].nodeId.nodeId,
                                               opcua_slice(references[i].browseName.name)};
    j->list(j->arg, status, assets, n);
    free(assets);
    job_free(j);
}

void opcua_asset_list(struct opcua_session *s, opcua_asset_list_fn *fn, void *arg,
                      uint32_t timeout_ms)
{
    struct job *j = job_new(s, arg, timeout_ms);
    UA_NodeId place = UA_NODEID_NUMERIC(j->space, ASSETS);
    j->list = fn;
    browse(j, &place, UA_NS0ID_HIERARCHICALREFERENCES, on_list);
}

/* ---- its file ---- */

static void on_written(void *arg, UA_StatusCode status, struct slice bytes)
{
    (void)bytes;
    end(arg, status, NULL);
}

static void on_file(void *arg, UA_StatusCode status, UA_ReferenceDescription *references,
                    size_t count)
{
    struct job *j = arg;
    UA_QualifiedName close = opcua_method_name("CloseAndUpdate");
    close.namespaceIndex = j->space;
    for (size_t i = 0; i < count && status == UA_STATUSCODE_GOOD; i++) {
        if (!is_of(j, &references[i], FILE_TYPE))
            continue;
        opcua_file_write(j->session, &references[i].nodeId.nodeId,
                         OPCUA_FILE_WRITE | OPCUA_FILE_ERASE, close, j->thing, on_written, j,
                         left_ms(j));
        return;
    }
    end(j, status ? status : UA_STATUSCODE_BADNOTFOUND, NULL);
}

void opcua_asset_describe(struct opcua_session *s, const UA_NodeId *asset, struct slice thing,
                          opcua_asset_done_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct job *j = job_new(s, arg, timeout_ms);
    j->done = fn;
    j->thing = thing;
    browse(j, asset, UA_NS0ID_HASCOMPONENT, on_file);
}
