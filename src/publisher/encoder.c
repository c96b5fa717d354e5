#include "publisher/encoder.h"

struct encoder encoder_of(const struct plan_group *plan, struct slice publisher, uint64_t random)
{
    const struct form *f = form_of(plan->mode);
    bool one_by_one = plan->batch_size <= 1 && !plan->strict;
    bool network_each = f->network && !plan->strict;
    return (struct encoder){
        .ops = f->samples ? &encoder_samples : &encoder_json,
        .form = f,
        .value_form = {.format = plan->strict ? OPCUA_ID_EXPANDED : OPCUA_ID_URI,
                       .reversible = plan->encoding == ENCODING_JSON_REVERSIBLE,
                       .strict = plan->strict},
        .array = !f->single && !one_by_one && (!f->network || network_each),
        .network_each = network_each,
        .publisher = publisher,
        .random = random | 1,
    };
}

void encoder_put_number(struct buffer *out, uint64_t n)
{
    char digits[20];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    buffer_put(out, slice_from(at, (size_t)(digits + sizeof digits - at)));
}
