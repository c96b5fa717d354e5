/*
 * The module's HTTP API, as OPC Publisher 2.9 has it: each path is a direct method's other name. A
 * request becomes a call from within (module_invoke()), so what the twin serves is here as soon as
 * it has a row in api_routes.c.
 *
 * Every path but /healthz, /readyz, /metrics and the OpenAPI document wants
 * "Authorization: ApiKey KEY". The key is given, or made at the first start and kept in a file that
 * only the user can read; it is in the reported twin, too, as published ("__apikey__"), and one
 * that OPC Publisher left there is taken over. On the module's loop.
 */
#pragma once

#include "client/module.h"
#include "rest/health.h"
#include "rest/router.h"

#define API_KEY_BYTES 20     /* random, in base64 */
#define API_KEY_TEXT_MAX 256 /* of a key that was given */

struct api;

struct api_config {
    struct module *module;
    struct loop *loop;
    struct rest_table health; /* beside the API's own paths */
    const char *key;          /* NULL: made and kept */
    const char *directory;    /* for key and certificate; made when it is not there */
    const char *listen;       /* address */
    int port;                 /* HTTPS; 0: any free one; < 0: none */
    int plain_port;           /* HTTP; < 0: none */
    bool quiet;               /* a port that is taken is the caller's to log */
    bool renew;               /* a new certificate at this start */
    bool openapi;             /* serves the document */
    bool openapi_3;           /* as OpenAPI 3.0, else 2.0 */
};

/* IO_FAILED, BAD_ARGUMENT: the log line says why. Blocks a moment: keys are made. */
CHECKED enum status api_open(const struct api_config *config, struct api **out);
/* Closes its ports; before module_free(). */
void api_stop(struct api *a);
/* After the loop has stopped. */
void api_free(struct api **a);

const char *api_key(const struct api *a);
const char *api_certificate(const struct api *a); /* PEM, with its chain; NULL without HTTPS */
int api_port(const struct api *a);                /* -1: none */
int api_plain_port(const struct api *a);

/* Of the twin, after each connect: whether it has a key. Reports where the API is. */
void api_on_reported(struct api *a, const struct json *reported);

/* ---- api_routes.c ---- */

extern const struct rest_route api_routes[];
extern const size_t api_routes_count;

/* The name that the body has among a method's parameters; NULL: it is the only one. */
const char *api_body_name(const char *operation);

void api_call(struct rest_request *r); /* nearly every row's handler */
void api_file(struct rest_request *r); /* where the body is a file: api_files.c */

/* ---- api_models.c ---- */

struct rest_models api_models(void);
