/* Any bytes as what a peer shows, as a list of revocations, and as an identity that somebody
 * uploads: nobody is trusted by empty lists, and nothing is trusted that was not put there. */
#include "crypto/identity.h"
#include "crypto/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void judge(struct slice chain, struct slice trusted, struct slice revoked)
{
    struct trust_rules rules = {
        .wall_ms = 1900000000000, .key_bits_min = 1024, .accept_unknown_revocation = true};
    struct trust_lists lists = {.trusted = trusted, .revoked = revoked};
    bool by_name;
    enum trust_verdict v = trust_judge(chain, &lists, &rules, &by_name);
    if (trusted.len == 0 && (v == TRUST_GOOD || by_name))
        __builtin_trap();
    if (trust_verdict_text(v)[0] == 0)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice bytes = slice_from(at, len);
    struct buffer ders = {0};
    struct identity identity = {0};
    judge(bytes, (struct slice){0}, bytes);
    judge(bytes, bytes, (struct slice){0});
    trust_is_for_host(bytes, "plc.site");
    if (revocation_read_any(bytes, &ders) == OK && ders.len == 0)
        __builtin_trap();
    if (identity_read(bytes, "password", &identity) == OK && identity.key.len == 0)
        __builtin_trap();
    identity_clear(&identity);
    buffer_clear(&ders);
    return 0;
}
