/*
 * The issuer as its own files see it: what its routes answer from. Tokens are made on helper
 * threads, since they need the clients' file and a signature; people and refresh tokens are in a database
 * with a thread of its own.
 */
#pragma once

#include "io/loop.h"
#include "issuer/codes.h"
#include "issuer/keys.h"
#include "issuer/tables.h"
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
    uint64_t refresh_ms; /* how long a refresh token is good when it is not used */
    struct issuer_keys_config keys_config;
    struct issuer_keys *keys;
    struct store_table *tables;
    struct issuer_codes codes;
    unsigned signing_in; /* passwords that are being looked at */
    struct loop_timer upkeep;
};

/* The app of this table is the struct issuer. */
struct rest_table issuer_routes(struct issuer *i);

/* The request's tenant, if its path names one, is ours; otherwise it is answered with 404. */
bool issuer_is_ours(struct rest_request *r);

/* ---- handlers, each in the file of its name ---- */

void issuer_redeem(struct rest_request *r);        /* POST token */
void issuer_authorize(struct rest_request *r);     /* GET and POST authorize */
void issuer_device_begin(struct rest_request *r);  /* POST devicecode */
void issuer_device_page(struct rest_request *r);   /* GET device */
void issuer_device_answer(struct rest_request *r); /* POST device */

/* Looks every hour whether a key is to be replaced. */
void issuer_upkeep_start(struct issuer *i);
