#include "rest/grants.h"

#include "token/jwt.h"

#define SCOPE "scope:"

static const struct role {
    const char *name;
    unsigned grants;
} roles[] = {
    {"Read", REST_GRANT_READ},
    {"Write", REST_GRANT_READ | REST_GRANT_WRITE},
    {"Admin", REST_GRANT_READ | REST_GRANT_WRITE | REST_GRANT_ADMIN},
    {"Sign", REST_GRANT_READ | REST_GRANT_WRITE | REST_GRANT_ADMIN},
};

static unsigned grants_of(struct slice role)
{
    for (size_t n = 0; n < sizeof roles / sizeof *roles; n++)
        if (slice_eq(role, slice_of(roles[n].name)))
            return roles[n].grants;
    return 0;
}

/* The role of a mapping that begins with this name; empty when it is another's. A role is not taken for a scope, whatever
 * it is called. */
static struct slice mapped(struct slice mapping, const char *prefix, struct slice name)
{
    size_t at = mapping.len;
    while (at > 0 && mapping.at[at - 1] != '=') /* names may have one in them, roles have not */
        at--;
    struct slice left = slice_first(mapping, at ? at - 1 : 0);
    if (at == 0 || slice_starts(left, SLICE(SCOPE)) != (prefix[0] != 0) ||
        !slice_eq(slice_skip(left, slice_of(prefix).len), name))
        return (struct slice){0};
    return slice_skip(mapping, at);
}

static unsigned grants_of_name(const struct rest_grants_rules *rules, const char *prefix,
                               struct slice name)
{
    unsigned g = 0;
    if (!rules->roles)
        return prefix[0] ? 0 : grants_of(name);
    for (const char *const *m = rules->roles; *m; m++)
        g |= grants_of(mapped(slice_of(*m), prefix, name));
    return g;
}

static unsigned grants_of_words(const struct rest_grants_rules *rules, const char *prefix,
                                struct slice words)
{
    unsigned g = 0;
    struct slice word;
    while (slice_split(&words, ' ', &word))
        if (word.len)
            g |= grants_of_name(rules, prefix, word);
    return g;
}

/* A claim may be named "https://plant.example/roles": the whole name comes first. */
static const struct json *find_claim(const struct json *claims, const char *name)
{
    const struct json *found = json_get(claims, name);
    struct slice rest = slice_of(name), step;
    if (found)
        return found;
    for (found = claims; slice_split(&rest, '.', &step);)
        found = json_get_slice(found, step);
    return found;
}

static unsigned grants_of_claim(const struct rest_grants_rules *rules, const struct json *claim)
{
    unsigned g = 0;
    if (!json_is(claim, JSON_ARRAY))
        return rules->role_claims ? grants_of_words(rules, "", json_string(claim)) : 0;
    for (struct json_walk w = json_walk(claim); json_next(&w);)
        g |= grants_of_name(rules, "", json_string(w.value));
    return g;
}

/* A program's own token has no scopes, and is judged by its roles alone. */
static bool scope_ok(const struct rest_grants_rules *rules, const struct json *claims)
{
    if (!rules->scopes || (!json_get(claims, "scp") && !json_get(claims, "scope")))
        return true;
    for (const char *const *s = rules->scopes; *s; s++)
        if (jwt_has_scope(claims, *s))
            return true;
    return false;
}

unsigned rest_grants(const struct rest_grants_rules *rules, const struct json *claims)
{
    static const char *const ours[] = {"roles", NULL};
    unsigned g = REST_GRANT_READ;
    if (!scope_ok(rules, claims))
        return 0;
    if (rules->any_role)
        return REST_GRANT_READ | REST_GRANT_WRITE | REST_GRANT_ADMIN;
    for (const char *const *c = rules->role_claims ? rules->role_claims : ours; *c; c++)
        g |= grants_of_claim(rules, find_claim(claims, *c));
    if (rules->roles) {
        g |= grants_of_words(rules, SCOPE, json_string(json_get(claims, "scp")));
        g |= grants_of_words(rules, SCOPE, json_string(json_get(claims, "scope")));
    }
    return g;
}

bool rest_grants_role_ok(const char *mapping)
{
    struct slice all = slice_of(mapping);
    size_t at = all.len;
    while (at > 0 && all.at[at - 1] != '=')
        at--;
    return at > 1 && grants_of(slice_skip(all, at));
}
