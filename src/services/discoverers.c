#include "services/discoverers.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "services/ids.h"

#define DISCOVERERS_AGE_MS 60000
#define CALL_MS 30000

struct services_discoverers {
    struct service_client *hub;
    struct services_fleet *fleet;
    char *module;
    char **list; /* NULL-ended; NULL: the fleet is asked */
};

/* One call to all of them. */
struct call {
    struct services_discoverers *discoverers;
    char *method;
    struct buffer payload;
    char id[40];
    size_t left, taken;
    enum status last;
    services_discoverers_fn *fn;
    void *arg;
};

static void one_answered(struct call *c, enum status why)
{
    if (why == OK)
        c->taken++;
    else
        c->last = why;
    if (--c->left > 0)
        return;
    c->fn(c->arg, c->taken > 0 ? OK : c->last);
    free(c->method);
    buffer_clear(&c->payload);
    free(c);
}

static enum status outcome(enum status why, int status)
{
    if (why != OK)
        return why == NOT_FOUND ? OFFLINE : why; /* the module is gone, not the list of modules */
    return status >= 200 && status <= 299 ? OK
           : status == 400                ? BAD_ARGUMENT
           : status == 404                ? NOT_FOUND
           : status == 429                ? BUSY
                                          : PEER_FAILED;
}

static void on_method(void *arg, enum status why, int status, struct slice payload)
{
    struct call *c = arg;
    (void)payload;
    why = outcome(why, status);
    if (why != OK)
        log_warn("discoverer did not take it method=%s why=%s status=%d rid=%s", c->method,
                 status_name(why), status, c->id);
    one_answered(c, why);
}

static void call_one(struct call *c, struct iot_id id)
{
    struct service_method m = {.id = id,
                               .name = c->method,
                               .payload = buffer_slice(&c->payload),
                               .response_timeout_ms = CALL_MS,
                               .call_id = c->id};
    c->left++;
    enum status s = service_client_invoke_method(c->discoverers->hub, &m, on_method, c);
    if (s != OK)
        one_answered(c, s);
}

static void on_fleet(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct call *c = arg;
    for (size_t i = 0; list && i < list->count; i++) {
        const struct services_fleet_member *m = &list->members[i];
        if (m->module && strcmp(m->module, c->discoverers->module) == 0)
            call_one(c, (struct iot_id){slice_of(m->device), slice_of(m->module)});
    }
    one_answered(c, why == OK ? c->last : why);
}

void services_discoverers_invoke(struct services_discoverers *d, const char *method,
                                 struct slice only, struct slice payload, const char *call_id,
                                 services_discoverers_fn *fn, void *arg)
{
    struct call *c = MEMORY_NEW(struct call);
    *c = (struct call){.discoverers = d, .method = memory_text(method), .fn = fn, .arg = arg};
    buffer_put(&c->payload, payload);
    strncpy(c->id, call_id, sizeof(c->id) - 1);
    c->left = 1; /* for ourselves: it must live until the last was called */
    c->last = NOT_FOUND;
    if (only.len > 0) {
        call_one(c, services_ids_module(only));
        one_answered(c, c->last);
        return;
    }
    if (d->list == NULL) {
        services_fleet_look_a_while(d->fleet, DISCOVERERS_AGE_MS, on_fleet, c);
        return;
    }
    for (char **id = d->list; *id; id++)
        call_one(c, services_ids_module(slice_of(*id)));
    one_answered(c, c->last);
}

/* ---- beginning and end ---- */

static char **copy_list(const char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    char **copy = memory_new((count + 1) * sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = memory_text(list[i]);
    return copy;
}

struct services_discoverers *
services_discoverers_new(const struct services_discoverers_config *config)
{
    struct services_discoverers *d = MEMORY_NEW(struct services_discoverers);
    d->hub = config->hub;
    d->fleet = config->fleet;
    d->module = memory_text(config->module);
    d->list = config->list ? copy_list(config->list) : NULL;
    return d;
}

void services_discoverers_free(struct services_discoverers **d)
{
    if (*d == NULL)
        return;
    for (char **id = (*d)->list; id && *id; id++)
        free(*id);
    free((*d)->list);
    free((*d)->module);
    free(*d);
    *d = NULL;
}
