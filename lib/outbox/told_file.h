/*
 * The file with what told.h keeps, beside the queues. Every `every_ms` the OPC UA thread says until
 * when each node was told; that is written one turn later, when the messages with those values are
 * on the disk themselves: so after a kill some values come again, as late ones, and none is left
 * out. At an end in order it is written as of the end.
 *
 * On the module's loop.
 */
#pragma once

#include "io/loop.h"
#include "opcua/thread.h"
#include "outbox/told.h"

struct told_file;

struct told_file_config {
    struct loop *loop;
    struct opcua_thread *thread;
    const char *directory; /* made when it is not there */
    struct slice name;     /* of the publisher: others may have theirs in that folder */
    uint64_t every_ms;
    /* On the OPC UA thread: appends what is to be kept. */
    void (*collect_ua)(void *arg, struct told *out);
    void *arg;
};

#define TOLD_FILE_PREFIX "told-" /* of the file's name */

/* Reads what an earlier start has left; `before` is then the caller's. A file that is no such one is
 * set aside. */
struct told_file *told_file_open(const struct told_file_config *config, struct told *before);
/* No more turns; what is under way ends by itself, see told_file_idle(). */
void told_file_stop(struct told_file *f);
bool told_file_idle(const struct told_file *f);
/* Writes this, at once. For the end. */
void told_file_write(struct told_file *f, const struct told *t);
/* When neither thread runs any more. */
void told_file_free(struct told_file **f);
