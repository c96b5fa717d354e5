/*
 * The twin of one gateway or module as the hub has it now: asked for by its id, and changed. What the fleet
 * remembers (fleet.h) may be older, and may have been changed meanwhile.
 */
#pragma once

#include "services/services.h"

struct services_fleet_twin {
    struct services_fleet_member member; /* its text is NULL: */
    const struct json *twin;
    const char *etag; /* as If-Match has it; NULL: the hub does not tell */
};

/* `t` lives until the call returns; NULL unless OK. NOT_FOUND: there is none, or it is not of that kind. */
typedef void services_fleet_twin_fn(void *arg, enum status why, const struct services_fleet_twin *t);

/* For the request, on whose id the hub's log lines are, too. `timeout_ms` 0: the service client's. */
CHECKED enum status services_fleet_twin_ask(struct rest_request *r, enum fleet_kind kind, struct iot_id id,
                                            uint64_t timeout_ms, services_fleet_twin_fn *fn, void *arg);

/* Answers the request, whose path has the {id}: what is there is looked at, and the patch made of it is for that
 * alone. Where somebody else was faster, again. `update` (and `mode`) as in fleet_documents_put_patch(); the
 * document is freed. */
void services_fleet_twin_change(struct rest_request *r, enum fleet_kind kind, struct json_doc *update, struct slice mode);
