#include "twin/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A token that is taken prints as one that means the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UA_HistoryReadRequest ask, again;
    struct buffer text = {0}, twice = {0};
    if (history_token_parse(slice_from(data, size), &ask) == OK) {
        history_token_print(&ask, &text);
        if (history_token_parse(buffer_slice(&text), &again) != OK)
            __builtin_trap();
        history_token_print(&again, &twice);
        if (!slice_eq(buffer_slice(&text), buffer_slice(&twice)))
            __builtin_trap();
        UA_HistoryReadRequest_clear(&again);
    }
    UA_HistoryReadRequest_clear(&ask);
    buffer_clear(&text);
    buffer_clear(&twice);
    return 0;
}
