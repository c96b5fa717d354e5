/*
 * A writer's metadata messages: asked from the server whenever its values can come, sent before the
 * first data set message, again when it is another one, and on a schedule if there is one. The
 * version that data set messages name is that of the metadata that was sent, as long as their fields
 * are those that it tells of: with the first message whose fields are others there is a new version,
 * which the metadata has that is sent when the server has told of them. So who reads by metadata
 * never meets a version with other fields. The group is told, too,
 * what its values look like, if it wants to know (writers/schemas.h), and structures of the
 * server's own are known before the first value is written. On the OPC UA thread.
 */
#pragma once

#include "pubsub/metadata.h"
#include "writers/group.h"

#define WRITER_METADATA_MS 5000 /* that values wait for it */

struct writer_metadata;

struct writer_metadata_config {
    struct loop *loop;
    struct group *group;
    struct data_set *set;
    /* The fields as they are now; appends to *out. */
    void (*fields)(void *arg, const struct opcua_namespaces *names, struct metadata_fields *out);
    /* The metadata is sent, or there will be none soon: values need not wait. */
    void (*done)(void *arg);
    /* Not all was told, though the server was there: writer_metadata_ask() once more, and nothing waits for it. */
    void (*again)(void *arg);
    void *arg;
};

/* `messages`: metadata messages are sent where the group's messages have them. NULL: nobody wants to
 * know. The plan's texts are copied. */
struct writer_metadata *writer_metadata_new(const struct writer_metadata_config *config,
                                            const struct plan_writer *plan, bool messages);
/* The way to its topic is known, or another one. */
void writer_metadata_route(struct writer_metadata *m, const struct plan_writer *plan);
/* `forget`: the broker is to keep nothing of it. */
void writer_metadata_free(struct writer_metadata **m, bool forget);

/* Values can come from this session, or the fields are others. True: values are to wait. */
bool writer_metadata_ask(struct writer_metadata *m, struct opcua_session *s);
/* Messages have other fields from now on, whether a server can be asked about them or not. */
void writer_metadata_changed(struct writer_metadata *m);
/* The session is to be asked no more. */
void writer_metadata_stop(struct writer_metadata *m);
