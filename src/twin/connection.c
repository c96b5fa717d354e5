/* TestConnection: that there is a session is the answer. */
#include "twin/methods.h"

void twin_test_connection(struct twin_request *r)
{
    json_object(&r->writer);
    json_end_object(&r->writer);
    twin_request_done(r);
}
