/* Who follows what: members of groups, each of which has a name. On one loop. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/status.h"

struct live_groups {
    struct map by_name;
};

struct live_group;

/* One membership; in the member's list, oldest first. */
struct live_member {
    struct link of_member, of_group;
    struct live_group *group;
    void *who;
};

/* `mine` is the list of the member. Twice: once. FULL beyond `most`. */
CHECKED enum status live_groups_join(struct live_groups *g, struct slice name, void *who,
                                     struct list *mine, size_t most);
/* What was not joined: nothing happens. */
void live_groups_leave(struct live_groups *g, struct slice name, struct list *mine);
void live_groups_leave_all(struct live_groups *g, struct list *mine);

bool live_groups_has(const struct live_groups *g, struct slice name);

/* fn may make the member leave. */
typedef void live_groups_fn(void *arg, void *who);
void live_groups_each(struct live_groups *g, struct slice name, live_groups_fn *fn, void *arg);

/* The name of each group that has a member. fn may not change the groups. */
typedef void live_groups_name_fn(void *arg, struct slice name);
void live_groups_names(const struct live_groups *g, live_groups_name_fn *fn, void *arg);

/* When nobody is a member any more. */
void live_groups_clear(struct live_groups *g);
