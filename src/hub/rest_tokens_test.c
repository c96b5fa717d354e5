/* Every row of the hub's service REST, with every kind of token that must not open it: a new row is
 * tried without a line here. */
#include "hub/rest_rig.h"

#include "base/memory.h"

#define HOUR 3600000

/* A path without names in braces. */
static void path_of(const struct rest_route *route, char out[256])
{
    size_t len = 0;
    for (const char *at = route->path; *at && len < 255; at++)
        if (*at == '{') {
            out[len++] = 'x';
            at = strchr(at, '}');
        } else {
            out[len++] = *at;
        }
    out[len] = 0;
}

static unsigned needed(enum rest_access access)
{
    return access == REST_READ                            ? IOT_REGISTRY_READ
           : access == REST_WRITE || access == REST_ADMIN ? IOT_REGISTRY_WRITE
                                                          : IOT_SERVICE_CONNECT;
}

typedef void row_fn(const struct rest_route *route, const char *path);

/* Those that ask for a token at the door; files ask their device's, which is another test's. */
static void each_row(row_fn *fn)
{
    struct rest_table tables[HUB_REST_TABLES_MAX];
    size_t count = hub_rest_tables(tables), rows = 0;
    char path[256];
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            if (tables[t].routes[i].access == REST_PUBLIC)
                continue;
            path_of(&tables[t].routes[i], path);
            fn(&tables[t].routes[i], path);
            rows++;
        }
    assert_true(rows > 40);
}

static void is(const struct rest_route *route, const char *path, const char *what,
               const char *token, int want)
{
    int status = call_with(token, route->method, path, "{}", NULL);
    if (status != want)
        fail_msg("%s %s, %s: %d, not %d", route->method, path, what, status, want);
}

static void bad_tokens(const struct rest_route *route, const char *path)
{
    const char *policy = "iothubowner";
    uint64_t now = clock_wall_ms();
    is(route, path, "none", NULL, 401);
    is(route, path, "garbage", "garbage", 401);
    is(route, path, "a bearer token", "Bearer eyJhbGciOiJub25lIn0.e30.", 401);
    is(route, path, "half a signature", "SharedAccessSignature sr=127.0.0.1&se=99999999999", 401);
    is(route, path, "another key", token_of(policy, "127.0.0.1", SLICE("AAAA"), now + HOUR), 401);
    is(route, path, "another policy's key",
       token_of("service", "127.0.0.1", policies_key(house.hub.policies, SLICE("device"), false),
                now + HOUR),
       401);
    is(route, path, "expired", token_of(policy, "127.0.0.1", (struct slice){0}, now - HOUR), 401);
    is(route, path, "another hub", token_of(policy, "other.example", (struct slice){0}, now + HOUR),
       401);
    is(route, path, "another resource",
       token_of(policy, "127.0.0.1/devices/other/y", (struct slice){0}, now + HOUR), 401);
    is(route, path, "an unknown policy",
       token_of("nobody", "127.0.0.1",
                policies_key(house.hub.policies, SLICE("iothubowner"), false), now + HOUR),
       401);
    is(route, path, "no policy",
       token_of("", "127.0.0.1", policies_key(house.hub.policies, SLICE("iothubowner"), false),
                now + HOUR),
       401);
}

static void no_row_lets_a_bad_token_in(void **state)
{
    (void)state;
    each_row(bad_tokens);
}

static void policies_without_the_right(const struct rest_route *route, const char *path)
{
    static const char *const others[] = {"service", "device", "registryRead", "registryReadWrite"};
    if (route->access == REST_DEVICE)
        return; /* no policy opens it */
    for (size_t n = 0; n < sizeof others / sizeof *others; n++)
        if (!(policies_rights(house.hub.policies, slice_of(others[n])) & needed(route->access)))
            is(route, path, others[n], good(others[n]), 401); /* as IoT Hub says it */
}

static void no_row_lets_a_policy_in_that_lacks_its_right(void **state)
{
    (void)state;
    each_row(policies_without_the_right);
}

/* An edge's own rows are for its own token. */
static void policies_of_services(const struct rest_route *route, const char *path)
{
    if (route->access == REST_DEVICE)
        is(route, path, "a service's policy", good("iothubowner"), 401);
}

static void no_policy_speaks_for_an_edge(void **state)
{
    (void)state;
    each_row(policies_of_services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_row_lets_a_bad_token_in),
        TEST(no_row_lets_a_policy_in_that_lacks_its_right),
        TEST(no_policy_speaks_for_an_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
