/*
 * Where things stand in a text of JSON with comments that was parsed before: elements of an array,
 * members of an object, and what stands between them. For changing a part of a file and leaving the
 * rest as it is written.
 */
#pragma once

#include "base/arena.h"
#include "json/json.h"

/* What stands before the element since the comma or bracket, itself, and what comes until the comma
 * behind it. Without a comma that is nothing: what follows belongs to the array. */
struct layout_element {
    size_t head, at, end, tail;
};

struct layout_array {
    size_t open; /* behind the bracket */
    struct layout_element *elements;
    size_t count;
    size_t last, close; /* what stands before the closing bracket; the bracket */
};

struct layout_member {
    size_t at, value, end; /* of its name, of its value, behind it */
};

struct layout_object {
    struct layout_member *members;
    size_t count;
    size_t end; /* behind the brace */
};

/* `at`: of the bracket or brace, or what stands before it. `count`: how many there are. */
struct layout_array layout_array(struct arena *a, struct slice text, size_t at, size_t count);
struct layout_object layout_object(struct arena *a, struct slice text, size_t at, size_t count);

/* The white space that the line of `at` begins with. */
struct slice layout_indent(struct slice text, size_t at);
