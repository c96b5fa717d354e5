/* A form, and behind a zero an Authorization header, as any peer may send them. */
#include <stdlib.h>

#include "issuer/codes.h"
#include "issuer/grant.h"
#include "issuer/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const audiences[] = {"api://millrace", NULL};
    struct slice all = slice_from(data, size), form = slice_first(all, slice_find(all, 0));
    struct arena a = {0};
    struct issuer_grant g;
    if (!issuer_grant_read(&a, SLICE("application/x-www-form-urlencoded"),
                           slice_skip(all, form.len + 1), form, &g)) {
        struct issuer_scope scope;
        struct issuer_code code = {.challenge = (char[]){"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}};
        if (g.client_id.len == 0 || g.code.len == 0 || (g.kind == GRANT_CLIENT && g.secret.len == 0))
            abort();
        issuer_grant_audience(&g, audiences);
        if (issuer_scope_read(&a, g.scope, audiences, &scope) && scope.audience != audiences[0])
            abort();
        if (issuer_code_verifier_is(&code, g.verifier) && g.verifier.len < 43)
            abort();
    }
    arena_clear(&a);
    return 0;
}
