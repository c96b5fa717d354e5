/* What a server's dictionaries are made of: dictionaries.c asks, dictionaries_make.c puts together. */
#pragma once

#include "opcua/dictionaries.h"
#include "opcua/dictionary.h"

#define OPCUA_DESCRIPTIONS_MAX OPCUA_DICTIONARY_TYPES_MAX

/* A DataTypeDescription: that a type of a dictionary belongs to an encoding of a data type. */
struct opcua_description {
    size_t dictionary;
    UA_NodeId id, encoding, data_type;
    UA_String name;
};

struct opcua_dictionaries_parts {
    UA_NodeId nodes[OPCUA_DICTIONARIES_MAX];
    struct opcua_dictionary documents[OPCUA_DICTIONARIES_MAX];
    size_t count;
    struct opcua_description *descriptions;
    size_t description_count;
    UA_ReferenceDescription *enumerations; /* those that the server has nodes for */
    size_t enumeration_count;
};

struct opcua_dictionaries *opcua_dictionaries_make(const struct opcua_dictionaries_parts *parts,
                                                   const struct opcua_namespaces *names);
