/* Any text: parsed, checked and matched without harm; no key that did not make it verifies it. */
#include <stdlib.h>

#include "token/sas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = {"localhost", "[::1]:8883", NULL};
    struct sas t;
    if (sas_parse(slice_from(data, size), &t) != OK)
        return 0;
    if (sas_verify(&t, SLICE("c2VjcmV0")) == OK)
        abort();
    if (sas_covers(&t, hosts, SLICE("/devices/d")) &&
        !sas_covers(&t, hosts, SLICE("/devices/d/modules/m")))
        abort();
    sas_expired(&t, 1);
    return 0;
}
