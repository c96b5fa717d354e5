#include "published/config.h"
#include "published/config_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static const char *const methods[] = {"PublishNodes",
                                      "UnpublishNodes",
                                      "UnpublishAllNodes",
                                      "AddOrUpdateEndpoints",
                                      "GetConfiguredEndpoints",
                                      "SetConfiguredEndpoints",
                                      "GetConfiguredNodesOnEndpoint",
                                      "PublishStart",
                                      "PublishStop",
                                      "PublishBulk",
                                      "PublishList",
                                      "CreateOrUpdateDataSetWriterEntry",
                                      "GetDataSetWriterEntry",
                                      "RemoveDataSetWriterEntry",
                                      "AddOrUpdateNodes",
                                      "AddOrUpdateNode",
                                      "RemoveNodes",
                                      "RemoveNode",
                                      "GetNodes",
                                      "GetNode"};

/* A byte for the method, the file, a zero, the payload. What is written can be read; what is
 * refused changes nothing and says why. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    struct slice method = slice_of(methods[at[0] % (sizeof methods / sizeof methods[0])]);
    struct slice rest = slice_from(at + 1, len - 1), text;
    if (!slice_split(&rest, 0, &text))
        return 0;
    struct config_answer a;
    config_edit(text, method, rest, 1, NULL, &a);
    if (a.status != OK && (a.changed || a.body.len == 0))
        __builtin_trap();
    if (a.changed) {
        struct config c;
        if (config_read(buffer_slice(&a.text), &c) != OK)
            __builtin_trap();
        config_clear(&c);
    }
    config_answer_clear(&a);
    return 0;
}
