/* Any bytes as data values: a data set message of those that decode is read back, field by field,
 * by the stack's decoder, and has the same values. */
#include <stdlib.h>

#include "pubsub/encoder.h"
#include "pubsub/uadp.h"

#define VALUES_MAX 16
#define HEAD_LEN 22 /* flags, sequence number, time, versions, count */

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static UA_ByteString bytes_of(struct slice s)
{
    return (UA_ByteString){s.len, (UA_Byte *)(uintptr_t)s.at};
}

/* How many there are. */
static size_t read_values(struct slice in, UA_DataValue *values)
{
    size_t count = 0;
    while (count < VALUES_MAX && in.len > 0) {
        UA_ByteString bytes = bytes_of(in);
        UA_DataValue *v = &values[count];
        if (UA_decodeBinary(&bytes, v, &UA_TYPES[UA_TYPES_DATAVALUE], NULL) != UA_STATUSCODE_GOOD)
            break;
        size_t used = UA_calcSizeBinary(v, &UA_TYPES[UA_TYPES_DATAVALUE]);
        in = slice_skip(in, used ? used : 1);
        count++;
    }
    return count;
}

/* What the encoder leaves out says the same by being absent. */
static void leave_out(UA_DataValue *v)
{
    v->hasStatus = v->hasStatus && v->status != UA_STATUSCODE_GOOD;
    v->hasSourcePicoseconds = v->hasServerPicoseconds = false;
    v->hasValue = v->hasValue && v->value.type != NULL;
}

static void check_field(struct slice *rest, const UA_DataValue *want)
{
    UA_DataValue got;
    struct buffer again = {0}, wanted = {0};
    UA_DataValue kept = *want;
    leave_out(&kept);
    uadp_put(&wanted, &kept, &UA_TYPES[UA_TYPES_DATAVALUE]);
    UA_ByteString bytes = bytes_of(*rest);
    check(UA_decodeBinary(&bytes, &got, &UA_TYPES[UA_TYPES_DATAVALUE], NULL) == UA_STATUSCODE_GOOD);
    uadp_put(&again, &got, &UA_TYPES[UA_TYPES_DATAVALUE]);
    check(slice_eq(buffer_slice(&again), buffer_slice(&wanted)));
    *rest = slice_skip(*rest, again.len);
    UA_DataValue_clear(&got);
    buffer_clear(&again);
    buffer_clear(&wanted);
}

static void round_trip(const UA_DataValue *values, size_t count)
{
    struct encoder e;
    struct buffer out = {0};
    struct data_set d = {.id = 1, .field_count = (uint32_t)count};
    struct data_set_head h = {.frame = FRAME_KEY};
    struct encoder_plan p = {
        .mode = MODE_PUBSUB, .encoding = ENCODING_UADP, .publisher_id = SLICE("p"), .strict = true};
    encoder_init(&e, &p);
    e.ops->open(&e, &out, &d, &h);
    for (size_t i = 0; i < count; i++, e.fields++)
        e.ops->field(&e, &out, (struct slice){0}, (uint32_t)i, &values[i]);
    e.ops->close(&e, &out);
    check(out.len >= HEAD_LEN && out.at[HEAD_LEN - 2] == count);
    struct slice rest = slice_skip(buffer_slice(&out), HEAD_LEN);
    for (size_t i = 0; i < count; i++)
        check_field(&rest, &values[i]);
    check(rest.len == 0);
    encoder_clear(&e);
    buffer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    UA_DataValue values[VALUES_MAX];
    size_t count = read_values(slice_from(at, len), values);
    round_trip(values, count);
    for (size_t i = 0; i < count; i++)
        UA_DataValue_clear(&values[i]);
    return 0;
}
