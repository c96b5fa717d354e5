/* Pieces in any order, as a peer may send them: one a line. */
#include "client/module_pieces.h"

#include <stddef.h>

static void nothing(void *module, uint64_t rid, int status, struct slice json)
{
    (void)module, (void)rid, (void)status, (void)json;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct loop *l = loop_new();
    struct module *m = module_new(
        &(struct module_config){.device = {.loop = l, .device_id = "d", .module_id = "m"}});
    struct module_pieces *p = module_pieces_new(m, nothing);
    struct slice rest = {at, len}, line;
    while (rest.len && slice_split(&rest, '\n', &line))
        module_pieces_call(p, 1, line);
    module_free(&m);
    module_pieces_free(&p);
    loop_free(&l);
    return 0;
}
