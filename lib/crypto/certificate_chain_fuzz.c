/* Any bytes as what a peer shows: split, read, and verified, against nobody and against themselves.
 */
#include "crypto/certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice chain = slice_from(at, len), rest = chain, der;
    struct certificate_facts facts;
    const char *why;
    size_t readable = 0;
    while (certificate_next(&rest, &der))
        readable += certificate_read(der, &facts) == OK;
    if (certificate_verify(chain, (struct slice){0}, CERTIFICATE_FOR_CLIENT, 0, &why) == OK)
        __builtin_trap(); /* nobody is trusted */
    if (certificate_verify(chain, chain, CERTIFICATE_FOR_PROOF, 1900000000000, &why) == OK &&
        readable == 0)
        __builtin_trap();
    return 0;
}
