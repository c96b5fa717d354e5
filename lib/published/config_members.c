#include "published/config_members.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/memory.h"

struct config_member {
    struct slice name;
    const struct json *value;
    size_t at;   /* its place in the object */
    bool counts; /* once they are back in their places */
};

static int compare_names(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    for (size_t i = 0; i < a.len; i++)
        if (tolower(a.at[i]) != tolower(b.at[i]))
            return tolower(a.at[i]) < tolower(b.at[i]) ? -1 : 1;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct config_member *x = a, *y = b;
    int names = compare_names(x->name, y->name);
    return names ? names : x->at < y->at ? -1 : 1;
}

static int by_place(const void *a, const void *b)
{
    const struct config_member *x = a, *y = b;
    return x->at < y->at ? -1 : 1;
}

struct config_members config_members(const struct json *object)
{
    struct config_members m = {0};
    if (!json_is(object, JSON_OBJECT) || json_count(object) == 0)
        return m;
    m.all = memory_new(json_count(object) * sizeof *m.all);
    size_t at = 0;
    for (struct json_walk w = json_walk(object); json_next(&w); at++)
        if (!json_is(w.value, JSON_NULL))
            m.all[m.count++] = (struct config_member){.name = w.name, .value = w.value, .at = at};
    qsort(m.all, m.count, sizeof *m.all, by_name);
    for (size_t i = 0; i < m.count; i++)
        m.all[i].counts = i + 1 == m.count || compare_names(m.all[i].name, m.all[i + 1].name) != 0;
    qsort(m.all, m.count, sizeof *m.all, by_place);
    return m;
}

bool config_members_next(struct config_members *m)
{
    while (m->next < m->count && !m->all[m->next].counts)
        m->next++;
    if (m->next == m->count) {
        free(m->all);
        m->all = NULL;
        return false;
    }
    m->name = m->all[m->next].name;
    m->value = m->all[m->next++].value;
    return true;
}
