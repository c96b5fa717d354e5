/*
 * Models of a REST API in one line each, from which OpenAPI's schemas and the check of requests
 * come.
 *
 *     {"EndpointInfo", "registration*:EndpointRegistration, applicationId*:str, outOfSync:bool",
 * NULL}
 *     {"SecurityMode", NULL, "Best|Sign|SignAndEncrypt|None"}
 *
 * A star says that a member is required. Types: str bool i32 i64 f64 any datetime timespan base64,
 * interval (a time span, or a number of milliseconds), the name of another model, [T] an array, {T}
 * an object whose members are all T, E+ flags of an enumeration: an array of its words, or "A, B",
 * or a number.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "json/json.h"

struct rest_model {
    const char *name;
    const char *members; /* of an object; NULL for words */
    const char *words;   /* of an enumeration: "A|B" */
};

struct rest_models {
    const struct rest_model *models;
    size_t count;
    const struct rest_models *more; /* looked at after these; NULL: that is all */
};

const struct rest_model *rest_model_find(const struct rest_models *m, struct slice name); /* NULL */

struct rest_model_member {
    struct slice name, type;
    bool required;
};

/* Takes the first member off *left; false at the end. */
bool rest_model_next(struct slice *left, struct rest_model_member *out);

#define REST_MODEL_WHY_MAX 160

/* The member of that name, in any case. An entry of `members` without a type is a model, and its
 * members count. False: there is none. */
bool rest_model_member(const struct rest_models *m, const char *members, struct slice name,
                       struct rest_model_member *out);

/* Whether `v` has the model's shape. Members that the model does not name, and null for one that is
 * not required, are passed over; words compare without case, as .NET's do. BAD_ARGUMENT with what
 * is wrong and where ("configuration.locales: not an array"). */
CHECKED enum status rest_model_check(const struct rest_models *m, const char *name,
                                     const struct json *v, char why[REST_MODEL_WHY_MAX]);
/* The same of an object with `members`; an entry without a type is a model, as above. */
CHECKED enum status rest_model_check_members(const struct rest_models *m, const char *members,
                                             const struct json *v, char why[REST_MODEL_WHY_MAX]);
