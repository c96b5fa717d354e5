/* A doubly linked ring that lives inside what it links. A thing is in as many lists as it has links. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev, *next;
};

/* The list itself is a link that belongs to nothing. list_init() before first use. */
struct list {
    struct link head;
};

/* The struct of `type` whose member `member` is `link`. */
#define LIST_OF(link, type, member) ((type *)((char *)(link) - offsetof(type, member)))

/* `l` may be removed from the list inside the body. */
#define LIST_EACH(l, list)                                                                         \
    for (struct link *l = (list)->head.next, *l##_next = l->next; l != &(list)->head;              \
         l = l##_next, l##_next = l->next)

static inline void list_init(struct list *list)
{
    list->head.prev = list->head.next = &list->head;
}

static inline bool list_empty(const struct list *list)
{
    return list->head.next == &list->head;
}

static inline void list_push(struct list *list, struct link *l) /* at the end */
{
    l->prev = list->head.prev;
    l->next = &list->head;
    l->prev->next = l;
    list->head.prev = l;
}

/* Harmless on a link that is zeroed or already removed. */
static inline void list_remove(struct link *l)
{
    if (l->next) {
        l->prev->next = l->next;
        l->next->prev = l->prev;
        l->prev = l->next = NULL;
    }
}

static inline bool list_linked(const struct link *l)
{
    return l->next != NULL;
}

static inline struct link *list_first(struct list *list) /* NULL when empty */
{
    return list_empty(list) ? NULL : list->head.next;
}

static inline struct link *list_pop(struct list *list) /* the first, removed; NULL when empty */
{
    struct link *l = list_first(list);
    if (l)
        list_remove(l);
    return l;
}
