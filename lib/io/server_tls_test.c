#include "io/server_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/certificate.h"
#include "io/sim.h"

#include "base/cmocka.h"

static void read_facts(const char *directory, struct certificate_facts *facts)
{
    char path[256];
    struct buffer pem = {0}, der = {0};
    snprintf(path, sizeof(path), "%s/server.pem", directory);
    assert_int_equal(file_read(path, &pem), OK);
    assert_int_equal(certificate_der(buffer_slice(&pem), &der), OK);
    assert_int_equal(certificate_read(buffer_slice(&der), facts), OK);
    buffer_clear(&pem);
    buffer_clear(&der);
}

/* A year of simulated days: the certificate never comes closer to its end than 29 days. */
static void a_program_that_runs_for_years_renews_its_certificate(void **state)
{
    (void)state;
    char directory[] = "/tmp/server_tls_test.XXXXXX";
    assert_non_null(mkdtemp(directory));
    static const char *const names[] = {"localhost", "127.0.0.1", NULL};
    struct sim *sim = sim_new(1);
    struct loop *loop = sim_loop_new(sim, "host");
    struct server_tls *s = NULL;
    struct certificate_facts first, now;
    assert_int_equal(
        server_tls_open(&(struct server_tls_config){.loop = loop, .directory = directory, .names = names}, &s), OK);
    read_facts(directory, &first);
    for (int day = 0; day < 400; day++) {
        sim_run(sim, sim_now_ms(sim) + SERVER_TLS_LOOK_MS);
        read_facts(directory, &now);
        assert_true(now.not_after_ms > loop_wall_ms(loop) + 29 * SERVER_TLS_LOOK_MS);
    }
    assert_true(now.not_after_ms > first.not_after_ms);
    server_tls_close(&s);
    sim_free(&sim);
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_program_that_runs_for_years_renews_its_certificate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
