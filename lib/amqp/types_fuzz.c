#include "amqp/message.h"

#include <stdlib.h>

/* Values, every composite and whole messages out of any bytes; what reads must write and read
 * again. */

static void value(struct slice bytes)
{
    struct amqp_value v, again;
    if (amqp_value_of(bytes, &v) != OK)
        return;
    struct buffer b = {0};
    amqp_write_value(&b, &v);
    if (amqp_value_of(buffer_slice(&b), &again) != OK || again.type != v.type ||
        again.count != v.count)
        abort();
    if (amqp_value_check(bytes) && v.type == AMQP_MAP)
        amqp_map_find(&v, SLICE("key"), &again);
    buffer_clear(&b);
}

#define TRY(name)                                                                                  \
    do {                                                                                           \
        struct amqp_##name c, again;                                                               \
        if (amqp_##name##_read(bytes, &c) == OK) {                                                 \
            struct buffer b = {0};                                                                 \
            amqp_##name##_write(&b, &c);                                                           \
            if (amqp_##name##_read(buffer_slice(&b), &again) != OK)                                \
                abort();                                                                           \
            buffer_clear(&b);                                                                      \
        }                                                                                          \
    } while (0)

static void composites(struct slice bytes)
{
    TRY(open);
    TRY(begin);
    TRY(attach);
    TRY(flow);
    TRY(transfer);
    TRY(disposition);
    TRY(detach);
    TRY(close);
    TRY(error);
    TRY(modified);
    TRY(source);
    TRY(target);
    TRY(sasl_init);
    TRY(sasl_outcome);
    TRY(properties);
    struct amqp_state s;
    if (amqp_state_read(bytes, &s) == OK && s.outcome != AMQP_OUTCOME_NONE) {
        struct buffer b = {0};
        amqp_state_write(&b, &s);
        if (amqp_state_read(buffer_slice(&b), &s) != OK)
            abort();
        buffer_clear(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice bytes = {at, len}, data;
    value(bytes);
    composites(bytes);
    struct amqp_message m;
    if (amqp_message_read(bytes, &m) == OK) {
        amqp_message_bytes(&m, &data);
        while (amqp_message_data_next(&m.sections, &data))
            ;
    }
    return 0;
}
