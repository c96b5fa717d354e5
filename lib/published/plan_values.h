/*
 * What an entry and its nodes come to, one by one: the nearest word wins, of the node, of its
 * entry, of the program. For plan.c, which sorts them into groups, writers and items and gives the
 * keys.
 */
#pragma once

#include "published/plan.h"

struct plan_values {
    const struct plan_defaults *defaults;
    struct arena *arena; /* for texts that are made */
};

struct plan_group plan_group_of(const struct plan_values *v, const struct config_entry *e);
struct plan_writer plan_writer_of(const struct plan_values *v, const struct config_entry *e,
                                  int64_t publishing_ms);
struct plan_item plan_item_of(const struct plan_values *v, const struct config_entry *e,
                              const struct config_node *n, int64_t publishing_ms);

/* Events and values are different writers. */
bool plan_is_event(const struct config_node *n);
