/* A name server that does not answer keeps nobody waiting. */
#include "rest/client.h"

#include <netdb.h>
#include <semaphore.h>
#include <unistd.h>

#include "base/cmocka.h"

#define PATIENCE_S 60 /* until a test that waits for ever is ended */

static sem_t asked, answers, answered;

static void take(sem_t *s)
{
    while (sem_wait(s) != 0)
        ;
}

/* So that the next test's question does not get it. */
static void answer(void)
{
    sem_post(&answers);
    take(&answered);
}

/* Takes the place of the C library's, for curl too. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out)
{
    (void)name, (void)service, (void)hints, (void)out;
    sem_post(&asked);
    take(&answers);
    sem_post(&answered);
    return EAI_FAIL;
}

static void on_answer(void *arg, enum status why, const struct rest_answer *a)
{
    (void)a;
    *(enum status *)arg = why;
}

static bool is_told(void *arg)
{
    return *(enum status *)arg != OK;
}

static struct rest_client *ask(struct loop *loop, uint64_t timeout_ms, enum status *told)
{
    struct rest_client *c =
        rest_client_new(&(struct rest_client_config){.loop = loop, .active = 1});
    struct rest_call call = {
        .method = "GET", .url = "http://a.name.example/", .timeout_ms = timeout_ms};
    assert_int_equal(rest_client_send(c, &call, on_answer, told), OK);
    take(&asked);
    return c;
}

static int set_up(void **state)
{
    *state = loop_new();
    alarm(PATIENCE_S);
    return 0;
}

static int tear_down(void **state)
{
    struct loop *loop = *state;
    alarm(0);
    loop_free(&loop);
    return 0;
}

static void a_client_can_be_freed_while_a_name_is_looked_up(void **state)
{
    enum status told = OK;
    struct rest_client *c = ask(*state, 0, &told);
    rest_client_free(&c);
    assert_int_equal(told, CANCELLED);
    answer();
}

static void a_call_ends_in_its_time_while_a_name_is_looked_up(void **state)
{
    enum status told = OK;
    struct rest_client *c = ask(*state, 100, &told);
    assert_true(loop_run_until(*state, is_told, &told, PATIENCE_S * 1000));
    assert_int_equal(told, TIMED_OUT);
    rest_client_free(&c);
    answer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_can_be_freed_while_a_name_is_looked_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_ends_in_its_time_while_a_name_is_looked_up, set_up,
                                        tear_down),
    };
    if (sem_init(&asked, 0, 0) || sem_init(&answers, 0, 0) || sem_init(&answered, 0, 0))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
