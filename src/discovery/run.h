/*
 * One discovery from its plan to its last event: the scan, and while it goes on, the questions to
 * those it found, to the urls of the plan, and to servers that others name. On the module's loop;
 * the questions are asked on the OPC UA thread.
 */
#pragma once

#include "discovery/outbox.h"
#include "discovery/plan.h"
#include "discovery/resume.h"
#include "opcua/thread.h"

struct run;

#define RUN_INQUIRIES_MAX 8 /* at once */
#define RUN_TARGETS_MAX                                                                            \
    4096 /* servers that are asked by one run; the further ones are counted and logged */
#define RUN_INQUIRY_MS 15000
#define RUN_PROGRESS_MS 3000
#define RUN_AGAIN_MS 20
#define RUN_INQUIRY_PACKETS 30 /* that asking a server is taken for */

struct run_config {
    struct loop *loop;
    struct opcua_thread *thread;
    struct outbox *outbox;
    const char *discoverer_id, *device_id, *site; /* copied */
    struct plan plan;                             /* taken over */
    struct resume *resume;                        /* may be NULL. Not owned */
    bool recurring;
    const struct resume_state *from;              /* where it goes on; NULL: it begins. Copied */
    void (*on_end)(void *arg, enum status why);   /* OK, CANCELLED; the run is then to be freed */
    void *arg;
};

struct run *discovery_run_start(struct run_config *config);
/* Stops scanning and asking at once; on_end(CANCELLED) follows. */
void discovery_run_cancel(struct run *r);
struct slice discovery_run_id(const struct run *r);

/* For the end of the program, in this order: on the OPC UA thread, and after both loops have ended.
 */
void discovery_run_drop_inquiries(struct run *r);
void discovery_run_free(struct run **r);
