/* Whatever is taken lies within the bytes, and no prefix of it is taken, too. */
#include "opcua/reverse_hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct opcua_reverse_hello hello;
    if (opcua_reverse_hello_decode(slice_from(data, size), &hello) != OK)
        return 0;
    if (hello.size > size || hello.server_uri.len + hello.endpoint_url.len + 16 != hello.size ||
        opcua_reverse_hello_decode(slice_from(data, hello.size - 1), &hello) != AGAIN)
        abort();
    return 0;
}
