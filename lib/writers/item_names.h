/*
 * What few items have to wait for before they are on a source: names that only the server knows,
 * which are asked for until it tells them, and the item with which one is reported. On the OPC UA
 * thread.
 */
#pragma once

#include "writers/item.h"

struct item_names {
    struct item *item;
    const struct item_home *home;
    struct opcua_session *session; /* which is asked */
    struct opcua_lookup *lookup;   /* under way */
    unsigned what;                 /* OPCUA_LOOKUP_… */
    bool nameless;                 /* the configuration gives no id or name */
    struct loop_timer again;       /* after it failed */
    struct source_wish wish;       /* for when it is named */
    struct buffer head, label;     /* with names of the server's; empty: as in `text` */
    UA_Guid class_field_id;        /* DataSetClassFieldId; zeros: none */
    struct item *trigger;          /* SetTriggering: reported when that one is */
    struct item **linked;          /* the other way round */
    size_t linked_count;
};

/* Made when they are not there. */
struct item_names *item_names(struct item *i, const struct item_home *home);
/* Is there anything to ask for? */
bool item_names_wanted(const struct item_home *home, const struct plan_item *plan);
/* Asks; then the item gets its place as its wish says. */
void item_names_ask(struct item *i, const struct plan_item *plan);
/* The item is reported with `trigger`. */
void item_names_link(struct item *i, const struct item_home *home, struct item *trigger);
/* Nobody waits for anything any more. */
void item_names_free(struct item_names *m);
