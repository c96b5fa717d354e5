/* Type dictionaries of servers. */
#include "opcua/dictionary.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct opcua_dictionary d;
    if (opcua_dictionary_parse(slice_from(at, len), &d) == OK)
        opcua_dictionary_clear(&d);
    return 0;
}
