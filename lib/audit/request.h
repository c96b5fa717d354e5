/* A request to a REST server as an entry of the audit log. */
#pragma once

#include "audit/audit.h"
#include "rest/route.h"

/* "asked": who asks for what. The slices are the request's. */
struct audit_entry audit_request_asked(const struct rest_request *r);
/* "answered", to the one above; "forbidden" for 403, with who asked for what, since no line stands
 * before it. */
struct audit_entry audit_request_answered(const struct rest_request *r, int status);
/* "called": both in one line. */
struct audit_entry audit_request_called(const struct rest_request *r, int status);
