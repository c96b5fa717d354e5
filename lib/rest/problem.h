/* Problem details (RFC 9457) have a part that says which member of a request they are about. */
#pragma once

#include "base/slice.h"
#include "json/write.h"

/* "errors" as ASP.NET has them, of what rest_model_check() says: of "a.b: not a string", {"a.b":["not a string"]}.
 * Nothing where no member is named. */
void rest_problem_put_errors(struct json_writer *w, struct slice why);
