#include "writers/item_names.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/lookup.h"

#define NAMES_AGAIN_MS 10000

/* ---- asking ---- */

static struct opcua_item what_is(const struct item *i)
{
    struct opcua_item what = {0};
    item_describe(i, &what);
    return what;
}

static void take_names(struct item *i, const struct opcua_lookup_answer *a)
{
    struct item_names *m = i->more->names;
    const struct form *form = m->home->form;
    struct buffer id = {0};
    opcua_node_id_print(a->node, opcua_session_namespaces(m->session), m->home->id_format, &id);
    struct slice name = a->display_name.len ? a->display_name : buffer_slice(&id);
    if (m->nameless || (!form->samples && a->display_name.len))
        item_put_head(form, buffer_slice(&id), name, &m->head);
    item_put_label(form, a->display_name, &m->label);
    buffer_clear(&id);
}

static void ask_for_names(void *arg);

static void on_names(void *arg, uint32_t tag, const struct opcua_lookup_answer *a)
{
    struct item *i = arg;
    struct item_names *m = i->more->names;
    (void)tag;
    m->lookup = NULL;
    if (UA_StatusCode_isBad(a->status)) {
        struct opcua_item what = what_is(i);
        log_warn("publisher node not found at the server node=%.*s path=%.*s url=%.*s status=%s",
                 SLICE_FMT(what.node), SLICE_FMT(what.path),
                 SLICE_FMT(opcua_session_url(m->session)), UA_StatusCode_name(a->status));
        loop_timer_start(sources_loop(m->home->sources), &m->again, NAMES_AGAIN_MS, ask_for_names,
                         i);
        return;
    }
    take_names(i, a);
    if (m->home->on_way)
        m->home->on_way(m->home->writer, a->way, a->way_len);
    item_place(i, m->home, &m->wish);
}

static void ask_for_names(void *arg)
{
    struct item *i = arg;
    struct item_names *m = i->more->names;
    struct opcua_item what = what_is(i);
    m->lookup = opcua_lookup(m->session, m->what, what.node, what.path, on_names, i, 0);
}

/* ---- what the header promised ---- */

struct item_names *item_names(struct item *i, const struct item_home *home)
{
    struct item_more *m = item_more(i);
    if (!m->names) {
        m->names = MEMORY_NEW(struct item_names);
        m->names->item = i;
        m->names->home = home;
    }
    return m->names;
}

/* Its display name stands in for one that the configuration does not give. */
static bool wants_display_name(const struct item_home *home, const struct plan_item *plan)
{
    return plan->fetch_display_name && !plan->display_name.len &&
           (home->form->samples || !plan->field_id.len);
}

static bool has_no_name(const struct item_home *home, const struct plan_item *plan)
{
    return home->form->samples ? plan->node.len == 0 : plan->field.len == 0;
}

bool item_names_wanted(const struct item_home *home, const struct plan_item *plan)
{
    return wants_display_name(home, plan) || has_no_name(home, plan) || home->on_way;
}

void item_names_ask(struct item *i, const struct plan_item *plan)
{
    struct item_names *m = i->more->names;
    const struct item_home *home = m->home;
    m->what = (wants_display_name(home, plan) ? OPCUA_LOOKUP_DISPLAY_NAME : 0) |
              (home->on_way ? OPCUA_LOOKUP_WAY : 0);
    m->nameless = has_no_name(home, plan);
    m->session = sources_session(home->sources, home->spec);
    ask_for_names(i);
}

void item_names_link(struct item *i, const struct item_home *home, struct item *trigger)
{
    struct item_names *t = item_names(trigger, home);
    item_names(i, home)->trigger = trigger;
    t->linked = memory_resize(t->linked, (t->linked_count + 1) * sizeof(struct item *));
    t->linked[t->linked_count++] = i;
}

void item_names_free(struct item_names *m)
{
    if (m->lookup)
        opcua_lookup_cancel(m->lookup);
    loop_timer_stop(&m->again);
    for (size_t n = 0; n < m->linked_count; n++)
        m->linked[n]->more->names->trigger = NULL;
    struct item_names *t = m->trigger ? m->trigger->more->names : NULL;
    for (size_t n = 0; t && n < t->linked_count; n++)
        if (t->linked[n] == m->item)
            t->linked[n--] = t->linked[--t->linked_count];
    opcua_session_unref(&m->session);
    buffer_clear(&m->head);
    buffer_clear(&m->label);
    free(m->linked);
    free(m);
}
