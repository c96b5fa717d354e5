/*
 * What services do over AMQP besides reading the stream; iot-hub.md section 5.1. For whoever has a
 * policy with ServiceConnect:
 *
 *     messages/devicebound            they send messages to devices; settled when durable
 *     messages/serviceBound/feedback  they read what became of them, in batches
 *     messages/serviceBound/filenotifications  … and of files that devices uploaded, one by one
 *
 * A feedback link asks the registry for batches as far as its credit goes, and again when it is
 * told that one waits. What it has not settled when it goes is given back.
 */
#pragma once

#include "heads/amqp.h"
#include "hub/hub.h"

struct hub_service;

/* The hub's loops and registry must be there; it outlives this. */
struct hub_service *hub_service_new(struct hub *hub);
/* When no loop runs any more. */
void hub_service_free(struct hub_service **s);

/* From any thread: a batch of feedback may be taken. */
void hub_service_feedback_waits(struct hub_service *s);

/* What an AMQP connection serves for it; `arg` of each is the struct hub_service. */
extern const struct heads_amqp_kind hub_service_kinds[];
extern const size_t hub_service_kinds_count;
