/* Addresses of links and audiences of tokens: what a peer writes into both is read, matched and covered. */
#include "heads/amqp_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_from(data, size);
    size_t cut = slice_find(all, '\n');
    struct slice address = slice_first(all, cut), audience = slice_skip(all, cut + 1);
    struct arena arena = {0};
    struct heads_amqp_address a;
    struct slice params[HEADS_AMQP_PARAMS_MAX];
    struct slice path = heads_amqp_audience_path(&arena, audience);
    if (heads_amqp_address_read(address, &a) == OK) {
        heads_amqp_address_match(&a, "devices/{}/modules/{}/messages/events", &arena, params);
        heads_amqp_address_match(&a, "{}/consumergroups/{}/partitions/{}", &arena, params);
        heads_amqp_path_covers(path, &a);
    }
    arena_clear(&arena);
    return 0;
}
