/*
 * The issuer as its own files see it: what its routes answer from. Tokens are made on helper
 * threads, since they need the clients' file and a signature.
 */
#pragma once

#include "io/loop.h"
#include "issuer/keys.h"
#include "rest/server.h"

struct issuer {
    struct loop *loop;
    const char *url;    /* "https://host:port", as clients reach it */
    const char *tenant; /* a UUID */
    const char *name;   /* iss: url/tenant/v2.0 */
    const char *const
        *audiences; /* that tokens may be made for; ends with NULL, the first is the default */
    const char *clients_path;
    uint64_t life_ms;
    struct issuer_keys_config keys_config;
    struct issuer_keys *keys;
    struct loop_timer upkeep;
};

/* The app of this table is the struct issuer. */
struct rest_table issuer_routes(struct issuer *i);

/* Looks every hour whether a key is to be replaced. */
void issuer_upkeep_start(struct issuer *i);
