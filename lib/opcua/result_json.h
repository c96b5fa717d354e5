/* What a server said to an operation, as OPC Publisher's and OPC Twin's contracts have it:
 * ServiceResult. */
#pragma once

#include "opcua/stack.h"
#include "json/write.h"

/* {"statusCode":…,"symbolicId":…}: good ones too. `text` NULL: the code's name. */
void opcua_put_result(struct json_writer *w, UA_StatusCode code, const char *text);

/* "errorInfo":{…}, unless the code is good. */
void opcua_put_error(struct json_writer *w, UA_StatusCode code, const char *text);
