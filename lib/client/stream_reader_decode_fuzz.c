#include "client/stream_reader_decode.h"

/* What a hub sends as an event. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct buffer scratch = {0}, record = {0};
    struct iot_event e;
    int64_t sequence;
    if (stream_reader_decode(slice_from(at, len), &scratch, &e, &sequence) == OK) {
        struct slice list = e.message.properties, name, value;
        while (iot_property_next(&list, &name, &value))
            ;
        iot_event_encode(&e, &record); /* reads every slice to its end */
    }
    buffer_clear(&record);
    buffer_clear(&scratch);
    return 0;
}
