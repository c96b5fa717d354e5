#include "io/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

struct trace {
    struct loop *loop;
    char text[256];
    size_t len;
    struct loop_timer timers[8];
    bool done;
};

struct note {
    struct trace *trace;
    char letter;
};

static void write_note(void *arg)
{
    struct note *n = arg;
    n->trace->text[n->trace->len++] = n->letter;
}

static void timers_run_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct trace t = {.loop = l};
    static const uint64_t after[] = {30, 10, 20, 10, 0};
    struct note notes[5];
    uint64_t start = loop_now_ms(l);
    for (int i = 0; i < 5; i++) {
        notes[i] = (struct note){&t, (char)('a' + i)};
        loop_timer_start(l, &t.timers[i], after[i], write_note, &notes[i]);
    }
    loop_timer_start(l, &t.timers[5], 40, set, &t.done);
    assert_true(loop_run_until(l, is_set, &t.done, 5000));
    assert_string_equal(t.text, "ebdca");
    assert_true(loop_now_ms(l) >= start + 40);
    loop_free(&l);
    assert_null(l);
}

static void a_stopped_timer_does_not_run_and_a_restarted_one_moves(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct trace t = {.loop = l};
    struct note a = {&t, 'a'}, b = {&t, 'b'};
    loop_timer_stop(&t.timers[0]); /* harmless */
    loop_timer_start(l, &t.timers[0], 5, write_note, &a);
    loop_timer_start(l, &t.timers[1], 1, write_note, &b);
    loop_timer_start(l, &t.timers[1], 60000, write_note, &b);
    loop_timer_stop(&t.timers[0]);
    loop_timer_start(l, &t.timers[2], 10, set, &t.done);
    assert_true(loop_run_until(l, is_set, &t.done, 5000));
    assert_string_equal(t.text, "");
    t.done = false;
    loop_timer_start(l, &t.timers[1], 5, write_note, &b);
    loop_timer_start(l, &t.timers[2], 10, set, &t.done);
    assert_true(loop_run_until(l, is_set, &t.done, 5000));
    assert_string_equal(t.text, "b");
    loop_free(&l);
}

struct again {
    struct loop *loop;
    struct loop_timer timer;
    int left;
    bool done;
};

static void start_again(void *arg)
{
    struct again *a = arg;
    if (--a->left)
        loop_timer_start(a->loop, &a->timer, 0, start_again, a);
    else
        a->done = true;
}

static void a_timer_may_start_itself_again(void **state)
{
    (void)state;
    struct again a = {.loop = loop_new(), .left = 100};
    loop_timer_start(a.loop, &a.timer, 0, start_again, &a);
    assert_true(loop_run_until(a.loop, is_set, &a.done, 5000));
    loop_free(&a.loop);
}

static void the_deadline_of_a_run_is_kept(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    bool never = false;
    uint64_t start = loop_now_ms(l);
    assert_false(loop_run_until(l, is_set, &never, 20));
    assert_true(loop_now_ms(l) >= start + 20);
    loop_free(&l);
}

/* From mail: what is deferred comes before the next mail batch and timer, without any waiting. */
static void defer_twice(void *arg)
{
    struct note *n = arg;
    write_note(n);
    loop_defer(n->trace->loop, write_note, n + 1);
    loop_defer(n->trace->loop, write_note, n + 2);
    loop_defer(n->trace->loop, set, &n->trace->done);
}

static void deferred_calls_run_at_the_end_of_the_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct trace t = {.loop = l};
    struct note n[4] = {{&t, 'm'}, {&t, 'd'}, {&t, 'e'}, {&t, 'x'}};
    loop_post(l, defer_twice, n);
    loop_post(l, write_note, &n[3]);
    assert_true(loop_run_until(l, is_set, &t.done, 5000));
    assert_string_equal(t.text, "mxde");

    t.len = 0; /* and from a timer, with nothing else that could wake the loop */
    t.done = false;
    memset(t.text, 0, sizeof(t.text));
    loop_timer_start(l, &t.timers[0], 1, defer_twice, n);
    assert_true(loop_run_until(l, is_set, &t.done, 5000));
    assert_string_equal(t.text, "mde");
    loop_free(&l);
}

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
    struct post_office *office;
    int sender, number;
};

struct post_office {
    struct loop *loop;
    int next[SENDERS];
    int received;
    bool in_order, done;
    struct letter letters[SENDERS][LETTERS];
};

static void receive(void *arg)
{
    struct letter *l = arg;
    struct post_office *o = l->office;
    if (o->next[l->sender]++ != l->number)
        o->in_order = false;
    if (++o->received == SENDERS * LETTERS)
        o->done = true;
}

static void *send_letters(void *arg)
{
    struct letter *letters = arg;
    for (int i = 0; i < LETTERS; i++)
        loop_post(letters[i].office->loop, receive, &letters[i]);
    return NULL;
}

static void mail_of_every_sender_arrives_in_order(void **state)
{
    (void)state;
    struct post_office *o = calloc(1, sizeof(*o));
    o->loop = loop_new();
    o->in_order = true;
    pthread_t threads[SENDERS];
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < LETTERS; i++)
            o->letters[s][i] = (struct letter){o, s, i};
        assert_int_equal(pthread_create(&threads[s], NULL, send_letters, o->letters[s]), 0);
    }
    assert_true(loop_run_until(o->loop, is_set, &o->done, 60000));
    assert_true(o->in_order);
    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    loop_free(&o->loop);
    free(o);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void a_stop_from_another_thread_comes_after_the_mail_before_it(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    pthread_t thread;
    int counted = 0;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, l), 0);
    for (int i = 0; i < 1000; i++)
        loop_post(l, count, &counted);
    loop_stop(l);
    pthread_join(thread, NULL);
    assert_int_equal(counted, 1000);
    loop_free(&l);
}

struct job {
    pthread_t loop_thread;
    bool ran_elsewhere, done;
};

static void job_run(void *arg)
{
    struct job *j = arg;
    j->ran_elsewhere = !pthread_equal(pthread_self(), j->loop_thread);
}

static void job_done(void *arg)
{
    struct job *j = arg;
    j->done = pthread_equal(pthread_self(), j->loop_thread);
}

static void work_runs_elsewhere_and_comes_back(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct job j = {.loop_thread = pthread_self()};
    loop_work(l, job_run, job_done, &j);
    assert_true(loop_run_until(l, is_set, &j.done, 10000));
    assert_true(j.ran_elsewhere);
    loop_free(&l);
}

static void fail_if_called(void *arg)
{
    (void)arg;
    abort();
}

static void nothing(void *arg)
{
    (void)arg;
}

static void a_freed_loop_calls_nothing_more(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct loop_timer t = {0};
    loop_timer_start(l, &t, 0, fail_if_called, NULL);
    loop_post(l, fail_if_called, NULL);
    loop_defer(l, fail_if_called, NULL);
    for (int i = 0; i < 20; i++)
        loop_work(l, nothing, fail_if_called, NULL);
    loop_free(&l);
    loop_timer_stop(&t); /* harmless */
}

static void a_signal_becomes_a_call(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    bool asked = false;
    loop_on_signal(l, set, &asked);
    raise(SIGTERM);
    assert_true(loop_run_until(l, is_set, &asked, 5000));
    loop_free(&l);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    uint64_t seen[300];
    for (int i = 0; i < 300; i++) {
        seen[i] = loop_random_u64(l);
        for (int k = 0; k < i; k++)
            assert_true(seen[k] != seen[i]);
    }
    uint8_t large[2][1000];
    loop_random(l, large[0], sizeof(large[0]));
    loop_random(l, large[1], sizeof(large[1]));
    assert_memory_not_equal(large[0], large[1], sizeof(large[0]));
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_run_in_the_order_of_their_times),
        cmocka_unit_test(a_stopped_timer_does_not_run_and_a_restarted_one_moves),
        cmocka_unit_test(a_timer_may_start_itself_again),
        cmocka_unit_test(the_deadline_of_a_run_is_kept),
        cmocka_unit_test(deferred_calls_run_at_the_end_of_the_turn),
        cmocka_unit_test(mail_of_every_sender_arrives_in_order),
        cmocka_unit_test(a_stop_from_another_thread_comes_after_the_mail_before_it),
        cmocka_unit_test(work_runs_elsewhere_and_comes_back),
        cmocka_unit_test(a_freed_loop_calls_nothing_more),
        cmocka_unit_test(a_signal_becomes_a_call),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
