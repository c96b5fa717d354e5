/* What the files of the HTTPS head share. */
#pragma once

#include "heads/http_visit.h"

struct heads_http {
    struct heads_http_config config;
};

/* http_send.c, http_receive.c */
rest_handler heads_http_send, heads_http_receive, heads_http_settle, heads_http_abandon;
