/*
 * TypeDefinitionModel: a type, those above it, and what instances of it have: the declarations with
 * a modelling rule, its own and those of the types above, as deep as they go.
 */
#pragma once

#include "twin/node.h"

#define TWIN_TYPE_HEIGHT_MAX 32    /* types above a type */
#define TWIN_TYPE_MEMBERS_MAX 1000 /* of one type; more is an error */
#define TWIN_TYPE_DEPTH_MAX 16     /* of a member's path */

struct twin_type_member {
    UA_NodeId id, rule; /* rule null: it has none, and is no member */
    UA_NodeClass node_class;
    size_t type;                          /* which of the types declares it */
    const struct twin_type_member *above; /* what it hangs on; NULL: the type */
    const struct twin_type_member *overrides;
    bool overridden;
    size_t depth;
    const char *path; /* its browse names, all of them, for comparing */
    UA_QualifiedName browse_name;
    struct slice display_name, rule_name;
    UA_DataValue *values; /* Description, and of variables DataType, ValueRank, ArrayDimensions */
};

struct twin_type_definition {
    struct twin_request *request;
    struct twin_nodes types; /* the type itself first, then those above it */
    struct twin_type_member **members;
    size_t member_count;
    void (*done)(void *arg);
    void *arg;

    /* inside */
    size_t types_left;
    size_t at;    /* the first member whose rule is not known */
    size_t below; /* the first below which was not looked */
};

/* Fills it in, then calls done(arg), unless the request has ended with the reason. */
void twin_type_definition_read(struct twin_type_definition *t, const UA_NodeId *type);

/* {"typeDefinitionId":…,"nodeType":…,…} */
void twin_type_definition_put(struct twin_type_definition *t);
