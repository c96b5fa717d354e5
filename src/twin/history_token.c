#include "base/encoding.h"
#include "twin/history.h"

void history_token_print(const UA_HistoryReadRequest *ask, struct buffer *out)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    if (UA_encodeBinary(ask, &UA_TYPES[UA_TYPES_HISTORYREADREQUEST], &bytes) == UA_STATUSCODE_GOOD)
        base64url_encode(opcua_slice(bytes), out);
    UA_ByteString_clear(&bytes);
}

static bool is_token(const UA_HistoryReadRequest *ask)
{
    return ask->nodesToReadSize == 1 && ask->nodesToRead->continuationPoint.length > 0 &&
           ask->historyReadDetails.encoding >= UA_EXTENSIONOBJECT_DECODED;
}

enum status history_token_parse(struct slice text, UA_HistoryReadRequest *out)
{
    struct buffer bytes = {0};
    enum status s = text.len ? base64url_decode(text, &bytes) : BAD_FORMAT;
    UA_HistoryReadRequest_init(out);
    if (s == OK) {
        UA_ByteString encoded = opcua_string_of(buffer_slice(&bytes));
        if (UA_decodeBinary(&encoded, out, &UA_TYPES[UA_TYPES_HISTORYREADREQUEST], NULL) !=
            UA_STATUSCODE_GOOD)
            UA_HistoryReadRequest_init(out);
        s = is_token(out) ? OK : BAD_FORMAT;
    }
    buffer_clear(&bytes);
    return s;
}
