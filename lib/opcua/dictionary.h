/*
 * A type dictionary in OPC Binary, with which servers told what their structures are before OPC UA
 * 1.04 (Part 3, Annex C of that time): XML in, what stands on the wire out. Pure. Documents with a
 * DTD, and so with entities, are refused.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#define OPCUA_DICTIONARY_BYTES_MAX (8u << 20)
#define OPCUA_DICTIONARY_TYPES_MAX 5000
#define OPCUA_DICTIONARY_FIELDS_MAX 50000 /* of all types together */

#define OPCUA_DICTIONARY_BINARY "http://opcfoundation.org/BinarySchema/" /* its own types */
#define OPCUA_DICTIONARY_UA "http://opcfoundation.org/UA/"

enum opcua_dictionary_kind {
    OPCUA_DICTIONARY_STRUCTURE,
    OPCUA_DICTIONARY_OPTIONAL, /* with a mask of 32 bits before its fields */
    OPCUA_DICTIONARY_UNION,    /* with a switch before its only field */
    OPCUA_DICTIONARY_ENUMERATION,
    OPCUA_DICTIONARY_OTHER, /* nothing that OPC UA has: bit fields, lengths that stand elsewhere … */
};

struct opcua_dictionary_field {
    struct slice name;
    struct slice uri, type; /* uri: BINARY, UA, or another dictionary's target */
    bool array, optional;
};

struct opcua_dictionary_type {
    struct slice name;
    enum opcua_dictionary_kind kind;
    unsigned bits;   /* of ENUMERATION: those of OPC UA have 32; others are numbers */
    bool option_set; /* likewise */
    struct opcua_dictionary_field *fields;
    size_t count;
};

struct opcua_dictionary {
    struct arena arena; /* all that is below */
    struct slice target;
    struct opcua_dictionary_type *types;
    size_t count, field_count; /* field_count: of all types */
};

/* BAD_FORMAT, TOO_LARGE, UNSUPPORTED (big endian): *out is empty. */
CHECKED enum status opcua_dictionary_parse(struct slice xml, struct opcua_dictionary *out);
void opcua_dictionary_clear(struct opcua_dictionary *d);

/* The same in parts: who has other things to do, too. `xml` and `out` are borrowed until the end. */
struct opcua_dictionary_parsing;
struct opcua_dictionary_parsing *opcua_dictionary_begin(struct slice xml, struct opcua_dictionary *out);
/* AGAIN: there is more to do. Otherwise as opcua_dictionary_parse(), and not to be called again. */
CHECKED enum status opcua_dictionary_go_on(struct opcua_dictionary_parsing *p, size_t bytes);
void opcua_dictionary_end(struct opcua_dictionary_parsing **p);
