/*
 * What the backend hands over to a device: C2D messages and a module's inputs. The peer's credit
 * goes to the session as allow(), a part at a time; what is handed over and cannot be sent goes
 * back uncounted.
 */
#include "base/encoding.h"
#include "heads/amqp_device_priv.h"

static bool is_feature(enum device_down down, enum heads_feature *f)
{
    static const enum heads_feature features[DOWN_COUNT] = {[DOWN_C2D] = HEADS_C2D,
                                                            [DOWN_INPUTS] = HEADS_INPUTS,
                                                            [DOWN_METHODS] = HEADS_METHODS,
                                                            [DOWN_TWIN] = HEADS_DESIRED};
    *f = features[down];
    return down != DOWN_TWIN; /* desired properties are asked for by a message of their own */
}

static void subscribe(struct heads_amqp_device *d, enum heads_feature f, bool on)
{
    device_say(d, &(struct heads_amqp_post){.kind = POST_SUBSCRIBE, .feature = f, .number = on});
}

static void say_delivered(struct heads_amqp_device *d, uint64_t token, enum heads_outcome how)
{
    device_say(d,
               &(struct heads_amqp_post){.kind = POST_DELIVERED, .token = token, .outcome = how});
}

void down_return(struct heads_amqp_device *d, uint64_t token)
{
    say_delivered(d, token, HEADS_RETURN);
}

void down_attached(struct heads_amqp_device_link *dl)
{
    enum heads_feature f;
    if (is_feature(dl->down, &f))
        subscribe(dl->device, f, true);
}

void down_detached(struct heads_amqp_device_link *dl)
{
    enum heads_feature f;
    if (is_feature(dl->down, &f))
        subscribe(dl->device, f, false);
    else
        twin_detached(dl->device);
}

/* ---- credit ---- */

/* The peer took credit back that the session has been told of: subscribing anew begins with none.
 */
static void take_back(struct heads_amqp_device_link *dl, enum heads_feature f)
{
    if (dl->allowed == 0)
        return;
    dl->allowed = 0;
    subscribe(dl->device, f, false);
    subscribe(dl->device, f, true);
}

static void allow(struct heads_amqp_device_link *dl, enum heads_feature f)
{
    uint32_t credit = amqp_link_credit(dl->link->link);
    uint32_t most = credit < HEADS_AMQP_DELIVERIES_MAX ? credit : HEADS_AMQP_DELIVERIES_MAX;
    if (dl->allowed + dl->waiting_count > most)
        take_back(dl, f);
    if (dl->allowed + dl->waiting_count >= most)
        return;
    uint32_t more = most - dl->allowed - dl->waiting_count;
    dl->allowed += more;
    device_say(dl->device,
               &(struct heads_amqp_post){.kind = POST_ALLOW, .feature = f, .number = more});
}

void down_credit(struct heads_amqp_link *l)
{
    struct heads_amqp_device_link *dl = device_link_of(l);
    enum heads_feature f;
    device_link_flush(dl);
    is_feature(dl->down, &f);
    bool flows = dl->down == DOWN_C2D || dl->down == DOWN_INPUTS;
    if (amqp_link_draining(l->link)) {
        if (flows)
            take_back(dl, f);
        amqp_link_drained(l->link);
    } else if (flows) {
        allow(dl, f);
    }
}

/* ---- messages ---- */

/* .NET takes a delivery's tag for the lock's token, and wants the 16 bytes of a UUID. */
static size_t make_tag(const struct heads_amqp_post *p, uint8_t tag[16])
{
    if (!uuid_parse(p->second, tag)) {
        memset(tag, 0, 16);
        memcpy(tag, &p->token, sizeof(p->token));
    }
    return 16;
}

void down_message(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    struct heads_amqp_device_link *dl = d->down[p->feature == HEADS_C2D ? DOWN_C2D : DOWN_INPUTS];
    uint8_t tag[16];
    if (dl == NULL) {
        down_return(d, p->token);
        return;
    }
    dl->allowed -= dl->allowed > 0;
    if (amqp_link_credit(dl->link->link) == 0 && list_empty(&dl->waiting)) {
        take_back(dl, p->feature);
        down_return(d, p->token);
        return;
    }
    bool settled = amqp_link_send_settle(dl->link->link) == AMQP_SEND_SETTLED;
    enum status s = device_link_send(
        dl, &(struct amqp_send){.tag = slice_from(tag, make_tag(p, tag)), .token = p->token},
        p->first);
    if (s == TOO_LARGE) /* for this link, whenever it is tried */
        say_delivered(d, p->token, HEADS_REJECT);
    else if (s != OK)
        down_return(d, p->token);
    else if (settled)
        say_delivered(d, p->token, HEADS_COMPLETE);
}

static enum heads_outcome outcome_of(const struct amqp_state *state)
{
    switch (state->outcome) {
    case AMQP_OUTCOME_ACCEPTED:
        return HEADS_COMPLETE;
    case AMQP_OUTCOME_REJECTED:
        return HEADS_REJECT;
    default: /* released, modified; settled without a word */
        return HEADS_ABANDON;
    }
}

void down_settled(struct heads_amqp_link *l, uint64_t token, const struct amqp_state *state)
{
    struct heads_amqp_device_link *dl = device_link_of(l);
    if (dl->down == DOWN_C2D || dl->down == DOWN_INPUTS)
        say_delivered(dl->device, token, outcome_of(state));
}
