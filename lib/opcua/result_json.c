#include "opcua/result_json.h"

#include "opcua/session.h"

void opcua_put_result(struct json_writer *w, UA_StatusCode code, const char *text)
{
    json_object(w);
    json_name(w, "statusCode"), json_put_u64(w, code);
    if (code != UA_STATUSCODE_GOOD)
        json_name(w, "errorMessage"), json_put_text(w, text ? text : opcua_status_name(code));
    json_name(w, "symbolicId"), json_put_text(w, opcua_status_name(code));
    json_end_object(w);
}

void opcua_put_error(struct json_writer *w, UA_StatusCode code, const char *text)
{
    if (code == UA_STATUSCODE_GOOD)
        return;
    json_name(w, "errorInfo");
    opcua_put_result(w, code, text);
}
