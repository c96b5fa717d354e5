#include "pubsub/avro_file.h"

#include "pubsub/avro.h"

void avro_file_put_mark(struct buffer *out, struct slice id)
{
    uint64_t half = slice_hash(id);
    buffer_u64(out, half);
    buffer_u64(out, slice_hash(slice_from(&half, sizeof half)));
}

static void put_pair(struct buffer *out, struct slice name, struct slice value)
{
    avro_put_text(out, name);
    avro_put_text(out, value);
}

void avro_file_put_head(struct buffer *out, struct slice schema, struct slice id)
{
    buffer_put(out, SLICE("Obj\1"));
    avro_put_long(out, 2);
    put_pair(out, SLICE("avro.schema"), schema);
    put_pair(out, SLICE("avro.codec"), SLICE("null"));
    avro_put_long(out, 0);
    avro_file_put_mark(out, id);
}

void avro_file_put_block(struct buffer *out, struct slice message, struct slice id)
{
    avro_put_long(out, 1);
    avro_put_text(out, message);
    avro_file_put_mark(out, id);
}
