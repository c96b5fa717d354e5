/* What the make on libuv alone can get wrong: these tests stand between the two. */
#include "io/loop_uv.h"

#include <dlfcn.h>
#include <unistd.h>

#include "base/cmocka.h"

#define STUCK_S 20

static unsigned late; /* so often the thread gets no turn before uv_run() until its timer is due */

/* In place of the library's: the calls of loop_uv.c come here. */
int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    int (*real)(uv_loop_t *, uv_run_mode);
    *(void **)&real = dlsym(RTLD_NEXT, "uv_run");
    const uv_timer_t *timer = &LIST_OF(loop, struct loop_uv, uv)->timer;
    if (late > 0 && mode == UV_RUN_ONCE && uv_is_active((const uv_handle_t *)timer)) {
        late--;
        uint64_t due_ms = uv_now(loop) + uv_timer_get_due_in(timer);
        while (uv_hrtime() / 1000000 < due_ms)
            ; /* the clock moves on, and nothing else */
    }
    return real(loop, mode);
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void a_timer_that_is_due_before_the_wait_begins_is_not_slept_through(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct loop_timer t = {0};
    bool rang = false;
    loop_timer_start(l, &t, 3, set, &rang);
    late = 1;
    alarm(STUCK_S); /* nothing but that timer would ever wake it */
    assert_true(loop_run_until(l, is_set, &rang, 5000));
    alarm(0);
    assert_int_equal(late, 0);
    loop_free(&l);
}

static void the_deadline_of_a_run_is_not_slept_through(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    bool never = false;
    late = 1;
    alarm(STUCK_S);
    assert_false(loop_run_until(l, is_set, &never, 3));
    alarm(0);
    assert_int_equal(late, 0);
    loop_free(&l);
}

/* A wait that was cut short leaves nothing behind. */
static void the_wait_after_it_is_a_wait_again(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct loop_timer t = {0};
    bool rang = false;
    late = 1;
    alarm(STUCK_S);
    assert_false(loop_run_until(l, is_set, &rang, 3));
    loop_timer_start(l, &t, 20, set, &rang);
    loop_turn(l);
    alarm(0);
    assert_true(rang);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_that_is_due_before_the_wait_begins_is_not_slept_through),
        cmocka_unit_test(the_deadline_of_a_run_is_not_slept_through),
        cmocka_unit_test(the_wait_after_it_is_a_wait_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
