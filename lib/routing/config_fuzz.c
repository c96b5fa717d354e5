/* Whatever is read is bounded, and whatever is refused says why. */
#include <stdlib.h>

#include "routing/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iot_limits limits = iot_limits_azure();
    struct routing_config *c = NULL;
    struct routing_problem problem;
    if (routing_config_read(slice_from(data, size), &limits, "millrace", &c, &problem) == OK) {
        if (c->endpoint_count == 0 || c->endpoint_count > ROUTING_ENDPOINTS_MAX)
            abort();
        routing_config_free(&c);
    } else if (problem.text[0] == 0) {
        abort();
    }
    return 0;
}
