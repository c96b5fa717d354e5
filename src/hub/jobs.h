/*
 * Scheduled jobs at work: begins those whose time has come, does their devices, several at once,
 * and writes down what became of each. Lives on the hub's first loop; the rows are
 * registry_jobs.h's.
 *
 * So many run at once as limits.jobs.running says; others wait queued. When the registry cannot
 * take a result (its queue is full, the disk), it is offered again each second, and the job goes on
 * then.
 */
#pragma once

#include "hub/hub.h"

#define HUB_JOB_DEVICES_MAX 64 /* of one job at once */

struct hub_jobs;

/* Goes on with what ran when the hub ended. */
struct hub_jobs *hub_jobs_new(struct hub *hub);
void hub_jobs_free(struct hub_jobs **jobs); /* when no loop runs any more */

/* From any loop: a job was made or cancelled. */
void hub_jobs_changed(struct hub_jobs *jobs);
