/* Any text as a token, and as a set of keys: never accepted, never harmful. */
#include <stdlib.h>

#include "token/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const any[] = {"a", NULL};
    static struct jwk_set *keys;
    struct jwk *k;
    if (!keys) {
        struct buffer text = {0};
        if (jwk_make(JWK_ES256, &k) != OK)
            abort();
        jwk_print_set((const struct jwk *const *)&k, 1, &text);
        if (jwk_set_parse(buffer_slice(&text), &keys) != OK)
            abort();
        jwk_free(&k);
        buffer_clear(&text);
    }
    struct jwt t;
    struct jwk_set *set;
    const char *why;
    if (jwt_verify(slice_from(data, size), keys, &(struct jwt_expect){any, any, 1, 1}, &t, &why) ==
        OK)
        abort();
    if (jwk_set_parse(slice_from(data, size), &set) == OK)
        jwk_set_free(&set);
    if (jwk_parse_private(slice_from(data, size), &k) == OK)
        jwk_free(&k);
    return 0;
}
