/* Any bytes as UADP, twice, so that what was announced is met: what comes of it is read as
 * telemetry is. */
#include "services/uadp_message.h"
#include "services/value_message.h"

static void on_value(void *arg, const struct value_message *m)
{
    value_message_put(m, m->endpoint_id, arg);
}

static void read_one(struct uadp_names *names, struct slice bytes)
{
    struct buffer json = {0}, out = {0};
    if (uadp_message_read(names, SLICE("m"), bytes, &json) == OK)
        value_message_read(buffer_slice(&json), on_value, &out);
    buffer_clear(&json);
    buffer_clear(&out);
}

/* The first byte says how long the first message is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct uadp_names *names = uadp_names_new();
    struct slice rest = slice_from(data + 1, size - 1);
    read_one(names, slice_first(rest, data[0]));
    read_one(names, slice_skip(rest, data[0]));
    uadp_names_free(&names);
    return 0;
}
