/*
 * Web of Things connectivity for a server of opcua/server.h, as small as it may be; for tests. What
 * describes an asset is the names of its variables with blanks between, in a namespace that comes
 * with the first of them; "?" is none. Files are read and written, by one at a time.
 */
#pragma once

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "opcua/asset.h"
#include "opcua/server_priv.h"

#define DOUBLE_ASSETS_MAX 8
#define DOUBLE_TAGS "http://opcfoundation.org/UA/tags/"

enum double_method { CREATE, DELETE, OPEN, READ, WRITE, CLOSE, UPDATE, DOUBLE_METHODS };

struct double_asset {
    struct asset_double *home;
    UA_NodeId node; /* null: a free place */
    struct buffer file, draft;
    UA_UInt32 handle; /* 0: closed */
    size_t at;
};

/* All on the server's thread while it runs, but for `fail`, `count` and `open`. */
static struct asset_double {
    struct opcua_server *server;
    UA_UInt16 space;
    struct double_asset assets[DOUBLE_ASSETS_MAX];
    _Atomic UA_StatusCode fail[DOUBLE_METHODS]; /* not good: how the method ends from now on */
    _Atomic size_t calls[DOUBLE_METHODS];
    _Atomic size_t count, open; /* assets; files */
} asset_double;

static inline UA_Server *double_stack(void)
{
    return opcua_server_stack(asset_double.server);
}

static inline struct double_asset *double_of(const UA_NodeId *id)
{
    for (size_t i = 0; i < DOUBLE_ASSETS_MAX; i++)
        if (!UA_NodeId_isNull(&asset_double.assets[i].node) &&
            UA_NodeId_equal(&asset_double.assets[i].node, id))
            return &asset_double.assets[i];
    return NULL;
}

static inline void double_add_method(UA_NodeId parent, UA_UInt16 space, const char *name,
                                     UA_NodeId id, UA_MethodCallback run, void *context,
                                     const UA_UInt32 *inputs, size_t input_count, UA_UInt32 output)
{
    UA_MethodAttributes a = UA_MethodAttributes_default;
    UA_Argument in[2], out;
    a.executable = a.userExecutable = true;
    for (size_t i = 0; i < input_count; i++) {
        UA_Argument_init(&in[i]);
        in[i].name = UA_STRING("in");
        in[i].valueRank = UA_VALUERANK_SCALAR;
        in[i].dataType = UA_TYPES[inputs[i]].typeId;
    }
    UA_Argument_init(&out);
    out.name = UA_STRING("out");
    out.valueRank = UA_VALUERANK_SCALAR;
    out.dataType = UA_TYPES[output].typeId;
    UA_Server_addMethodNode(double_stack(), id, parent, UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                            UA_QUALIFIEDNAME(space, (char *)(uintptr_t)name), a, run, input_count,
                            in, output ? 1 : 0, &out, context, NULL);
}

/* ---- files ---- */

#define DOUBLE_METHOD(name)                                                                        \
    static inline UA_StatusCode name(                                                              \
        UA_Server *server, const UA_NodeId *session, void *session_context,                        \
        const UA_NodeId *method, void *context, const UA_NodeId *object, void *object_context,     \
        size_t input_count, const UA_Variant *input, size_t output_count, UA_Variant *output)

#define DOUBLE_BEGIN(which)                                                                        \
    (void)server, (void)session, (void)session_context, (void)method, (void)context, (void)object; \
    (void)object_context, (void)input_count, (void)input, (void)output_count, (void)output;        \
    asset_double.calls[which]++;                                                                   \
    if (asset_double.fail[which])                                                                  \
    return asset_double.fail[which]

DOUBLE_METHOD(double_open)
{
    DOUBLE_BEGIN(OPEN);
    struct double_asset *a = context;
    UA_Byte mode = *(UA_Byte *)input[0].data;
    if (a->handle)
        return UA_STATUSCODE_BADINVALIDSTATE;
    buffer_reset(&a->draft);
    if (!(mode & 4))
        buffer_put(&a->draft, buffer_slice(&a->file));
    a->handle = 7;
    a->at = 0;
    asset_double.open++;
    return UA_Variant_setScalarCopy(output, &a->handle, &UA_TYPES[UA_TYPES_UINT32]);
}

DOUBLE_METHOD(double_read)
{
    DOUBLE_BEGIN(READ);
    struct double_asset *a = context;
    size_t left = a->draft.len - a->at, most = (size_t) * (UA_Int32 *)input[1].data;
    UA_ByteString piece = {left < most ? left : most, a->draft.at + a->at};
    a->at += piece.length;
    return UA_Variant_setScalarCopy(output, &piece, &UA_TYPES[UA_TYPES_BYTESTRING]);
}

DOUBLE_METHOD(double_write)
{
    DOUBLE_BEGIN(WRITE);
    struct double_asset *a = context;
    if (*(UA_UInt32 *)input[0].data != a->handle)
        return UA_STATUSCODE_BADINVALIDARGUMENT;
    buffer_put(&a->draft, opcua_slice(*(UA_ByteString *)input[1].data));
    return UA_STATUSCODE_GOOD;
}

static inline UA_StatusCode double_end(struct double_asset *a, const UA_Variant *input)
{
    if (!a->handle || *(UA_UInt32 *)input[0].data != a->handle)
        return UA_STATUSCODE_BADINVALIDARGUMENT;
    a->handle = 0;
    asset_double.open--;
    return UA_STATUSCODE_GOOD;
}

DOUBLE_METHOD(double_close)
{
    DOUBLE_BEGIN(CLOSE);
    struct double_asset *a = context;
    buffer_reset(&a->file);
    buffer_put(&a->file, buffer_slice(&a->draft));
    return double_end(context, input);
}

static inline void double_add_variable(const struct double_asset *a, struct slice name)
{
    UA_UInt16 tags = UA_Server_addNamespace(double_stack(), DOUBLE_TAGS);
    UA_VariableAttributes attributes = UA_VariableAttributes_default;
    UA_Int32 one = 1;
    UA_QualifiedName browse_name = {tags, opcua_string_of(name)};
    UA_Variant_setScalar(&attributes.value, &one, &UA_TYPES[UA_TYPES_INT32]);
    UA_Server_addVariableNode(double_stack(), UA_NODEID_NUMERIC(tags, 0), a->node,
                              UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT), browse_name,
                              UA_NODEID_NUMERIC(0, UA_NS0ID_BASEDATAVARIABLETYPE), attributes, NULL,
                              NULL);
}

static inline void double_remove_variables(const struct double_asset *a)
{
    UA_BrowseDescription what = {.nodeId = a->node,
                                 .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                                 .nodeClassMask = UA_NODECLASS_VARIABLE,
                                 .resultMask = UA_BROWSERESULTMASK_NONE};
    UA_BrowseResult found = UA_Server_browse(double_stack(), 0, &what);
    for (size_t i = 0; i < found.referencesSize; i++)
        UA_Server_deleteNode(double_stack(), found.references[i].nodeId.nodeId, true);
    UA_BrowseResult_clear(&found);
}

DOUBLE_METHOD(double_update)
{
    struct double_asset *a = context;
    struct slice left = buffer_slice(&a->draft);
    DOUBLE_BEGIN(UPDATE); /* who is refused has the file still open */
    if (slice_eq(left, SLICE("?")))
        return UA_STATUSCODE_BADDECODINGERROR;
    UA_StatusCode status = double_end(a, input);
    if (status != UA_STATUSCODE_GOOD)
        return status;
    buffer_reset(&a->file);
    buffer_put(&a->file, left);
    double_remove_variables(a);
    while (left.len) {
        size_t end = slice_find(left, ' ');
        if (end > 0)
            double_add_variable(a, slice_first(left, end));
        left = slice_from(left.at + end + (end < left.len), left.len - end - (end < left.len));
    }
    return UA_STATUSCODE_GOOD;
}

static inline void double_add_file(struct double_asset *a)
{
    static const UA_UInt32 byte[] = {UA_TYPES_BYTE}, handle[] = {UA_TYPES_UINT32},
                           read[] = {UA_TYPES_UINT32, UA_TYPES_INT32},
                           write[] = {UA_TYPES_UINT32, UA_TYPES_BYTESTRING};
    UA_UInt16 space = asset_double.space;
    UA_NodeId file, none = UA_NODEID_NUMERIC(1, 0);
    UA_Server_addObjectNode(double_stack(), UA_NODEID_NUMERIC(1, 0), a->node,
                            UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                            UA_QUALIFIEDNAME(space, "WoTFile"), UA_NODEID_NUMERIC(space, 110),
                            UA_ObjectAttributes_default, NULL, &file);
    double_add_method(file, 0, "Open", none, double_open, a, byte, 1, UA_TYPES_UINT32);
    double_add_method(file, 0, "Read", none, double_read, a, read, 2, UA_TYPES_BYTESTRING);
    double_add_method(file, 0, "Write", none, double_write, a, write, 2, 0);
    double_add_method(file, 0, "Close", none, double_close, a, handle, 1, 0);
    double_add_method(file, space, "CloseAndUpdate", none, double_update, a, handle, 1, 0);
}

/* ---- assets ---- */

static inline bool double_has(struct slice name)
{
    UA_QualifiedName found;
    bool has = false;
    for (size_t i = 0; i < DOUBLE_ASSETS_MAX && !has; i++)
        if (!UA_NodeId_isNull(&asset_double.assets[i].node) &&
            UA_Server_readBrowseName(double_stack(), asset_double.assets[i].node, &found) == 0) {
            has = slice_eq(opcua_slice(found.name), name);
            UA_QualifiedName_clear(&found);
        }
    return has;
}

DOUBLE_METHOD(double_create)
{
    DOUBLE_BEGIN(CREATE);
    UA_String name = *(UA_String *)input[0].data;
    struct double_asset *a = asset_double.assets;
    while (a < asset_double.assets + DOUBLE_ASSETS_MAX && !UA_NodeId_isNull(&a->node))
        a++;
    if (double_has(opcua_slice(name)))
        return UA_STATUSCODE_BADBROWSENAMEDUPLICATED;
    if (a == asset_double.assets + DOUBLE_ASSETS_MAX)
        return UA_STATUSCODE_BADTOOMANYOPERATIONS;
    UA_Server_addObjectNode(
        double_stack(), UA_NODEID_NUMERIC(1, 0), UA_NODEID_NUMERIC(asset_double.space, 31),
        UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT), (UA_QualifiedName){1, name},
        UA_NODEID_NUMERIC(0, UA_NS0ID_BASEOBJECTTYPE), UA_ObjectAttributes_default, NULL, &a->node);
    double_add_file(a);
    asset_double.count++;
    return UA_Variant_setScalarCopy(output, &a->node, &UA_TYPES[UA_TYPES_NODEID]);
}

static inline void double_clear(struct double_asset *a)
{
    UA_NodeId_clear(&a->node);
    buffer_clear(&a->file);
    buffer_clear(&a->draft);
    a->handle = 0;
}

DOUBLE_METHOD(double_delete)
{
    DOUBLE_BEGIN(DELETE);
    struct double_asset *a = double_of(input[0].data);
    if (!a)
        return UA_STATUSCODE_BADNODEIDUNKNOWN;
    UA_Server_deleteNode(double_stack(), a->node, true);
    double_clear(a);
    asset_double.count--;
    return UA_STATUSCODE_GOOD;
}

/* ---- the server ---- */

/* Before it is started. */
static inline void asset_double_add(struct opcua_server *s)
{
    static const UA_UInt32 text[] = {UA_TYPES_STRING}, id[] = {UA_TYPES_NODEID};
    asset_double.server = s;
    UA_UInt16 space = asset_double.space = opcua_server_namespace(s, OPCUA_ASSET_SPACE);
    UA_NodeId place = UA_NODEID_NUMERIC(space, 31),
              type = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEOBJECTTYPE);
    UA_Server_addObjectTypeNode(double_stack(), UA_NODEID_NUMERIC(space, 110), type,
                                UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE),
                                UA_QUALIFIEDNAME(space, "WoTAssetFileType"),
                                UA_ObjectTypeAttributes_default, NULL, NULL);
    UA_Server_addObjectTypeNode(double_stack(), UA_NODEID_NUMERIC(space, 105), type,
                                UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE),
                                UA_QUALIFIEDNAME(space, "WoTAssetConfigurationType"),
                                UA_ObjectTypeAttributes_default, NULL, NULL);
    UA_Server_addObjectNode(double_stack(), place, UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER),
                            UA_NODEID_NUMERIC(0, UA_NS0ID_ORGANIZES),
                            UA_QUALIFIEDNAME(space, "WoTAssetConnectionManagement"), type,
                            UA_ObjectAttributes_default, NULL, NULL);
    UA_Server_addObjectNode(double_stack(), UA_NODEID_NUMERIC(space, 70), place,
                            UA_NODEID_NUMERIC(0, UA_NS0ID_HASCOMPONENT),
                            UA_QUALIFIEDNAME(space, "Configuration"), UA_NODEID_NUMERIC(space, 105),
                            UA_ObjectAttributes_default, NULL, NULL);
    double_add_method(place, space, "CreateAsset", UA_NODEID_NUMERIC(space, 32), double_create,
                      NULL, text, 1, UA_TYPES_NODEID);
    double_add_method(place, space, "DeleteAsset", UA_NODEID_NUMERIC(space, 35), double_delete,
                      NULL, id, 1, 0);
}

/* After it was closed. */
static inline void asset_double_clear(void)
{
    for (size_t i = 0; i < DOUBLE_ASSETS_MAX; i++)
        double_clear(&asset_double.assets[i]);
    memset(&asset_double, 0, sizeof asset_double);
}
