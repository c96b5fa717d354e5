/*
 * Devices over HTTPS, IoT Hub's way: telemetry, one message or many in a batch, and messages to the
 * device: taken, completed, rejected, abandoned. Every request signs in for itself, with a token or
 * a certificate, as a visit (backend.h): it is read on its connection's loop, carried out on the
 * device's, and answered on its own again.
 */
#pragma once

#include "heads/backend.h"
#include "iot/status_wire.h"
#include "rest/route.h"

struct heads_http_config {
    struct heads_backend *backend;
    uint64_t message_bytes; /* of a message with its properties, or of a whole batch */
    uint64_t batch_items;
};

struct heads_http;

struct heads_http *heads_http_new(const struct heads_http_config *config);
void heads_http_free(struct heads_http **h);

/* For a table whose app is the head. */
extern const struct rest_route heads_http_routes[];
extern const size_t heads_http_routes_count;

/* The error as IoT Hub writes it: {"Message":"ErrorCode:…;text","ExceptionMessage":…}. */
void heads_http_error(struct rest_request *r, const struct iot_status_wire *wire, const char *text);

/* Who is named in the path: {id} and, when there is one, {moduleId}. */
struct iot_id heads_http_id(const struct rest_request *r);
