/* The API's inside: api.c (ports, key, document) and api_call.c (a request). */
#pragma once

#include "io/server_tls.h"
#include "io/stream.h"
#include "publisher/api.h"
#include "rest/server.h"

struct api {
    struct api_config config;
    char key[API_KEY_TEXT_MAX];
    bool key_made; /* at this start: one in the twin is older */
    char key_path[512], tls_path[512];
    struct server_tls *tls;
    char *certificate; /* PEM */
    const char **names;
    char host[256];
    struct rest_server *server;
    struct listener *secure, *plain;
    struct buffer document;
};
