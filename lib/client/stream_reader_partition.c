/* The partitions of a stream reader: a link each, and what was handed over and is not done. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/stream_reader_decode.h"
#include "client/stream_reader_priv.h"

/* Descriptor of a selector filter. */
#define SELECTOR_FILTER 0x0000468C00000004u

void reader_partitions_make(struct stream_reader *r, unsigned count)
{
    r->partition_count = count;
    r->partitions = memory_new(count * sizeof(*r->partitions));
    for (unsigned i = 0; i < count; i++)
        r->partitions[i] = (struct reader_partition){
            .number = i, .open = memory_new(r->config.window * sizeof(struct reader_open))};
}

static void attach(struct stream_reader *r, struct reader_partition *p)
{
    struct buffer address = {0}, selector = {0}, filter = {0};
    char name[64];
    snprintf(name, sizeof(name), "partition-%u", p->number);
    buffer_printf(&address, "%s/ConsumerGroups/%s/Partitions/%u", r->config.entity, r->config.group,
                  p->number);
    buffer_printf(&selector, "amqp.annotation.x-opt-sequence-number > '%lld'", (long long)p->last);
    size_t map = amqp_write_map_begin(&filter);
    amqp_write_symbol(&filter, SLICE("apache.org:selector-filter:string"));
    amqp_write_descriptor(&filter, SELECTOR_FILTER);
    amqp_write_string(&filter, buffer_slice(&selector));
    amqp_write_end(&filter, map, 2);
    p->link = uplink_attach(r->hub, &(struct uplink_link){.name = name,
                                                              .address = buffer_cstr(&address),
                                                              .receiver = true,
                                                              .send_settle = AMQP_SEND_UNSETTLED,
                                                              .filter = buffer_slice(&filter),
                                                              .arg = p});
    buffer_clear(&address);
    buffer_clear(&selector);
    buffer_clear(&filter);
}

void reader_partitions_attach(struct stream_reader *r)
{
    r->state = READER_ATTACHING;
    for (unsigned i = 0; i < r->partition_count; i++)
        attach(r, &r->partitions[i]);
}

/* What the user still has from earlier connections counts. */
static void set_window(struct reader_partition *p, struct stream_reader *r)
{
    amqp_link_set_window(p->link, r->config.window - p->stale);
}

void reader_partition_attached(struct reader_partition *p, struct stream_reader *r)
{
    set_window(p, r);
    if (r->state == READER_ATTACHING && ++r->attached == r->partition_count)
        reader_up(r);
}

void reader_partition_detached(struct reader_partition *p, struct stream_reader *r,
                               const struct amqp_error *why)
{
    bool beyond = slice_eq(why->condition, SLICE("com.microsoft:argument-out-of-range"));
    p->link = NULL;
    p->stale = p->count;
    log_warn("a partition is read no more entity=%s partition=%u condition=%.*s", r->config.entity,
             p->number, SLICE_FMT(slice_first(why->condition, 64)));
    if (!beyond || p->last < 0)
        return; /* the connection ends, and begins anew */
    log_warn("the hub's events are fewer than were read: from the oldest on entity=%s partition=%u "
             "read=%lld",
             r->config.entity, p->number, (long long)p->last);
    p->last = STREAM_READER_OLDEST;
    p->first = p->count = p->stale = 0; /* their numbers mean other events now */
    attach(r, p);
}

void reader_partition_event(struct reader_partition *p, struct stream_reader *r,
                            const struct amqp_delivery *d)
{
    struct stream_reader_item item = {.partition = p->number};
    const struct amqp_state accepted = {.outcome = AMQP_OUTCOME_ACCEPTED};
    if (stream_reader_decode(d->bytes, &r->scratch, &item.event, &item.sequence) != OK) {
        log_warn("an event cannot be read: passed over entity=%s partition=%u", r->config.entity,
                 p->number);
        if (!d->settled)
            amqp_link_settle(p->link, d->id, &accepted);
        return;
    }
    p->last = item.sequence;
    if (!d->settled) {
        assert(p->count < r->config.window); /* the engine's credit is the window */
        p->open[(p->first + p->count++) % r->config.window] =
            (struct reader_open){.sequence = item.sequence, .delivery_id = d->id};
    }
    r->config.events->on_event(r->config.arg, &item);
}

void stream_reader_done(struct stream_reader *r, unsigned partition, int64_t sequence)
{
    if (partition >= r->partition_count)
        return;
    struct reader_partition *p = &r->partitions[partition];
    const struct amqp_state accepted = {.outcome = AMQP_OUTCOME_ACCEPTED};
    bool was_stale = p->stale > 0;
    while (p->count && p->open[p->first].sequence <= sequence) {
        if (p->stale)
            p->stale--;
        else
            amqp_link_settle(p->link, p->open[p->first].delivery_id, &accepted);
        p->first = (p->first + 1) % r->config.window;
        p->count--;
    }
    if (was_stale && p->link)
        set_window(p, r);
}

void reader_partitions_forget_links(struct stream_reader *r)
{
    for (unsigned i = 0; i < r->partition_count; i++) {
        r->partitions[i].link = NULL;
        r->partitions[i].stale = r->partitions[i].count;
    }
}

void reader_partitions_clear(struct stream_reader *r)
{
    for (unsigned i = 0; i < r->partition_count; i++)
        free(r->partitions[i].open);
    free(r->partitions);
}
