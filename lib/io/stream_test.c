/* One end of a connection, and what it has seen. */
#include "io/stream_layer.h"
#include "io/stream_rig.h"

static void bytes_go_both_ways_and_a_close_ends_both(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls, .server = {.echo = true}, .client = {.keep = true}};
    pair_open(&p);
    assert_true(strncmp(stream_peer(p.client.stream), "127.0.0.1:", 10) == 0);
    assert_true(strncmp(stream_peer(p.server.stream), "127.0.0.1:", 10) == 0);
    assert_int_equal(stream_peer_certificate(p.server.stream).len, 0);
    stream_write(p.client.stream, SLICE("hello, "));
    buffer_put(stream_out(p.client.stream), SLICE("world"));
    stream_flush(p.client.stream);
    assert_int_equal(stream_unsent(p.client.stream), 12);
    p.client.then = (loop_fn *)stream_close;
    p.client.then_arg = p.client.stream;
    assert_true(loop_run_until(p.loop, both_closed, &p, 5000));
    assert_slice(buffer_slice(&p.client.received), SLICE("hello, world"));
    assert_int_equal(p.client.why, CLOSED);
    assert_int_equal(p.server.why, CLOSED);
    pair_close(&p);
}

static void ten_megabytes_come_back_as_they_were(void **state)
{
    bool tls = *state;
    struct feed f = {.pair = {.tls = tls, .server.echo = true}};
    pair_open(&f.pair);
    stream_events(f.pair.client.stream, &feed_events, &f);
    feed_more(&f);
    assert_true(loop_run_until(f.pair.loop, all_checked, &f, 60000));
    assert_false(f.wrong);
    pair_close(&f.pair);
}

static void write_pieces(struct feed *f)
{
    static const size_t sizes[] = {100, STREAM_DIRECT_BYTES, 7, 3 * STREAM_DIRECT_BYTES + 1, 5000};
    static uint8_t piece[3 * STREAM_DIRECT_BYTES + 1];
    for (size_t n = 0; f->written < MUCH && stream_unsent(f->pair.client.stream) <= STREAM_HIGH_BYTES; n++) {
        size_t len = sizes[n % 5] < MUCH - f->written ? sizes[n % 5] : MUCH - f->written;
        for (size_t i = 0; i < len; i++)
            piece[i] = byte_at(f->written + i);
        stream_write(f->pair.client.stream, slice_from(piece, len));
        f->written += len;
    }
}

static void write_on_drain(void *arg)
{
    write_pieces(arg);
}

static const struct stream_events pieces_events = {
    .on_data = feed_data, .on_drain = write_on_drain, .on_close = feed_close};

/* What is sent in the call does not overtake what waits for the end of the turn, and what the peer does
 * not take waits. */
static void large_and_small_pieces_stay_in_their_order(void **state)
{
    struct feed f = {.pair = {.tls = *state, .server.echo = true}};
    pair_open(&f.pair);
    stream_events(f.pair.client.stream, &pieces_events, &f);
    write_pieces(&f);
    assert_true(loop_run_until(f.pair.loop, all_checked, &f, 60000));
    assert_false(f.wrong);
    pair_close(&f.pair);
}

static void a_large_piece_leaves_in_the_call(void **state)
{
    struct pair p = {.tls = *state};
    static const uint8_t piece[STREAM_DIRECT_BYTES];
    pair_open(&p);
    stream_write(p.client.stream, SLICE("small"));
    assert_int_equal(p.client.stream->out.len, 5);
    stream_write(p.client.stream, slice_from(piece, sizeof piece));
    assert_int_equal(stream_unsent(p.client.stream), 0);
    pair_close(&p);
}

static bool stuck(void *arg)
{
    struct pair *p = arg;
    return stream_unsent(p->client.stream) > STREAM_HIGH_BYTES;
}

static bool drained(void *arg)
{
    return ((struct pair *)arg)->client.drains > 0;
}

static void write_until_stuck(struct pair *p)
{
    static const uint8_t block[65536];
    for (int turn = 0; turn < 1000; turn++) {
        stream_write(p->client.stream, slice_from(block, sizeof(block)));
        bool tick = false;
        loop_defer(p->loop, set, &tick);
        assert_true(loop_run_until(p->loop, is_set, &tick, 1000));
        if (stuck(p))
            return;
    }
    fail_msg("a paused peer took everything");
}

static void a_paused_peer_holds_the_writer_back_and_a_resume_drains(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls};
    pair_open(&p);
    stream_pause(p.server.stream, true);
    write_until_stuck(&p);
    assert_int_equal(p.server.received_bytes, 0);
    assert_int_equal(p.client.drains, 0);
    stream_pause(p.server.stream, false);
    assert_true(loop_run_until(p.loop, drained, &p, 10000));
    assert_int_equal(p.client.drains, 1);
    assert_true(stream_unsent(p.client.stream) < STREAM_LOW_BYTES);
    pair_close(&p);
}

/* ---- ends ---- */

static bool sent_or_drained(void *arg)
{
    struct pair *p = arg;
    return stream_unsent(p->client.stream) == 0 || p->client.drains > 0;
}

static void write_to_the_mark(void *arg)
{
    struct pair *p = arg;
    static uint8_t bytes[STREAM_HIGH_BYTES];
    stream_write(p->client.stream, slice_from(bytes, sizeof(bytes)));
}

struct look {
    struct pair pair;
    bool looked, over;
};

static void look(void *arg)
{
    struct look *l = arg;
    l->looked = true;
    l->over = stream_unsent(l->pair.client.stream) > STREAM_HIGH_BYTES;
}

static bool has_looked(void *arg)
{
    return ((struct look *)arg)->looked;
}

/* TLS makes more of what stands at the mark exactly: a writer who looks then waits, so he must be told. */
static void who_sees_too_much_is_told_when_it_has_gone(void **state)
{
    struct look l = {.pair.tls = *state};
    pair_open(&l.pair);
    stream_pause(l.pair.server.stream, true);
    write_until_stuck(&l.pair);
    stream_pause(l.pair.server.stream, false);
    assert_true(loop_run_until(l.pair.loop, drained, &l.pair, 10000));
    l.pair.client.drains = 0;
    write_to_the_mark(&l.pair);
    loop_defer(l.pair.loop, look, &l); /* behind the flush of this turn */
    assert_true(loop_run_until(l.pair.loop, has_looked, &l, 10000));
    assert_true(loop_run_until(l.pair.loop, sent_or_drained, &l.pair, 10000));
    if (l.over) {
        assert_true(loop_run_until(l.pair.loop, drained, &l.pair, 10000));
    }
    pair_close(&l.pair);
}

static void what_was_written_before_a_close_still_arrives(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls};
    pair_open(&p);
    uint8_t *much = calloc(1, 3 << 20);
    stream_write(p.client.stream, slice_from(much, 3 << 20));
    stream_close(p.client.stream);
    stream_write(p.client.stream, SLICE("too late"));
    buffer_put(stream_out(p.client.stream), SLICE("too late"));
    stream_flush(p.client.stream);
    assert_true(loop_run_until(p.loop, both_closed, &p, 10000));
    assert_int_equal(p.server.received_bytes, 3 << 20);
    assert_int_equal(p.client.why, CLOSED);
    assert_int_equal(p.server.why, CLOSED);
    free(much);
    pair_close(&p);
}

static void answer_close(void *arg)
{
    struct peer *p = arg;
    if (p->stream == NULL)
        return;
    stream_write(p->stream, SLICE("refused"));
    stream_close(p->stream);
}

/* The server answers and closes while the client's bytes still come: the answer must not be lost to
 * a reset. */
static void an_answer_survives_the_unread_rest_of_the_question(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls, .client.keep = true};
    p.server.then = answer_close;
    p.server.then_arg = &p.server;
    pair_open(&p);
    static const uint8_t question[500000];
    stream_write(p.client.stream, slice_from(question, sizeof(question)));
    assert_true(loop_run_until(p.loop, both_closed, &p, 10000));
    assert_slice(buffer_slice(&p.client.received), SLICE("refused"));
    assert_int_equal(p.client.why, CLOSED);
    pair_close(&p);
}

static void abort_in_data(void *arg)
{
    struct peer *p = arg;
    stream_abort(p->stream, BAD_FORMAT);
    stream_write(p->stream, SLICE("never sent"));
    assert_false(p->closed); /* on a later turn */
}

static void a_stream_may_be_aborted_in_its_own_on_data(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls};
    p.server.then = abort_in_data;
    p.server.then_arg = &p.server;
    pair_open(&p);
    stream_write(p.client.stream, SLICE("x"));
    assert_true(loop_run_until(p.loop, both_closed, &p, 5000));
    assert_int_equal(p.server.why, BAD_FORMAT);
    assert_int_equal(p.client.received_bytes, 0);
    pair_close(&p);
}

static void streams_that_are_open_when_the_loop_is_freed_end_without_a_call(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls};
    pair_open(&p);
    stream_write(p.client.stream, SLICE("unsent"));
    loop_free(&p.loop); /* the listener goes with it */
    assert_false(p.client.closed);
    assert_false(p.server.closed);
}

static void a_refused_connection_is_told(void **state)
{
    (void)state;
    struct pair p = {.loop = loop_new()};
    struct listen_config config = {
        .loop = p.loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = &p};
    assert_int_equal(listener_open(&config, &p.listener), OK);
    int port = listener_port(p.listener);
    listener_close(&p.listener);
    struct connect_config connect = {.loop = p.loop, .host = "127.0.0.1", .port = port};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    assert_false(p.client.closed);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    assert_int_equal(p.client.why, IO_FAILED);
    assert_false(p.client.open);
    pair_close(&p);
}

static void a_name_is_looked_up(void **state)
{
    (void)state;
    struct pair p = {.loop = loop_new()};
    struct listen_config config = {.loop = p.loop, .host = "::", .on_accept = on_accept, .arg = &p};
    if (listener_open(&config, &p.listener) != OK)
        config.host = "0.0.0.0"; /* a machine without IPv6 */
    if (p.listener == NULL)
        assert_int_equal(listener_open(&config, &p.listener), OK);
    struct connect_config connect = {
        .loop = p.loop, .host = "localhost", .port = listener_port(p.listener)};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    assert_true(loop_run_until(p.loop, both_open, &p, 10000));
    pair_close(&p);
}

static void an_attempt_may_be_aborted_at_any_time(void **state)
{
    (void)state;
    struct pair p = {.loop = loop_new()};
    struct connect_config connect = {.loop = p.loop, .host = "localhost", .port = 1};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    stream_write(p.client.stream, SLICE("x"));
    stream_abort(p.client.stream, CANCELLED);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    assert_int_equal(p.client.why, CANCELLED);
    p.client = (struct peer){0};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    stream_close(p.client.stream);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    p.client = (struct peer){0};
    p.client.stream =
        stream_connect(&connect, &events, &p.client); /* the loop is freed meanwhile */
    loop_run_until(p.loop, closed, &p.client, 0);
    pair_close(&p);
}

/* A listening socket that is not served and whose queue is full: further connections hang. */
static int open_deaf_socket(struct sockaddr_in *address, int fill[4])
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(*address);
    assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
    assert_int_equal(listen(fd, 0), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
    for (int i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], (struct sockaddr *)address, len);
    }
    return fd;
}

static void a_connection_that_takes_too_long_times_out(void **state)
{
    (void)state;
    struct sockaddr_in address;
    int fill[4], deaf = open_deaf_socket(&address, fill);
    struct pair p = {.loop = loop_new()};
    struct connect_config connect = {
        .loop = p.loop, .host = "127.0.0.1", .port = ntohs(address.sin_port), .timeout_ms = 30};
    p.client.stream = stream_connect(&connect, &events, &p.client);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    assert_int_equal(p.client.why, TIMED_OUT);
    pair_close(&p);
    for (int i = 0; i < 4; i++)
        close(fill[i]);
    close(deaf);
}

static void a_port_in_use_is_refused(void **state)
{
    (void)state;
    struct pair p = {0};
    pair_open(&p);
    struct listen_config config = {.loop = p.loop,
                                   .host = "127.0.0.1",
                                   .port = listener_port(p.listener),
                                   .on_accept = on_accept};
    struct listener *second = NULL;
    assert_int_equal(listener_open(&config, &second), IO_FAILED);
    config.host = "no address";
    assert_int_equal(listener_open(&config, &second), IO_FAILED);
    assert_null(second);
    pair_close(&p);
}

static bool one_accepted(void *arg)
{
    return ((struct pair *)arg)->accepted > 0;
}

static uint64_t cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

static void without_descriptors_a_listener_rests_and_then_accepts(void **state)
{
    (void)state;
    struct pair p = {.loop = loop_new()};
    struct listen_config config = {
        .loop = p.loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = &p};
    assert_int_equal(listener_open(&config, &p.listener), OK);
    pair_connect(&p);
    bool tick = false;
    loop_defer(p.loop, set,
               &tick); /* one turn: the connection is under way, its descriptor taken */
    assert_true(loop_run_until(p.loop, is_set, &tick, 1000));
    struct rlimit was, none = {.rlim_cur = 3, .rlim_max = 0};
    getrlimit(RLIMIT_NOFILE, &was);
    none.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    uint64_t cpu = cpu_ms();
    bool accepted = loop_run_until(p.loop, one_accepted, &p, 300);
    cpu = cpu_ms() - cpu;
    setrlimit(RLIMIT_NOFILE, &was);
    assert_false(accepted);
    assert_true(cpu < 150);
    assert_true(loop_run_until(p.loop, both_open, &p, 5000));
    pair_close(&p);
}

/* ---- long turns ---- */

struct queue {
    struct pair pair;
    struct stream *clients[3];
    int data, deferred, deferred_before_last;
};

static void queue_deferred(void *arg)
{
    ((struct queue *)arg)->deferred++;
}

static void queue_data(void *arg, struct slice bytes)
{
    (void)bytes;
    struct queue *q = arg;
    q->data++;
    q->deferred_before_last = q->deferred;
    loop_defer(q->pair.loop, queue_deferred, q);
    uint64_t end = clock_monotonic_ns() + 2 * LOOP_TURN_MS * 1000000ull;
    while (clock_monotonic_ns() < end)
        ; /* it has much to do */
}

static void queue_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events queue_events = {.on_data = queue_data, .on_close = queue_close};

static void queue_accept(void *arg, struct stream *s)
{
    struct queue *q = arg;
    q->pair.accepted++;
    stream_events(s, &queue_events, q);
}

static bool three_accepted(void *arg)
{
    return ((struct queue *)arg)->pair.accepted == 3;
}

static bool three_served(void *arg)
{
    return ((struct queue *)arg)->data == 3;
}

/* What the first ones have waiting for the turn's end does not wait for all the others. */
static void a_turn_with_much_to_do_ends_between_two_events(void **state)
{
    (void)state;
    struct queue q = {.pair.loop = loop_new()};
    struct listen_config config = {
        .loop = q.pair.loop, .host = "127.0.0.1", .on_accept = queue_accept, .arg = &q};
    assert_int_equal(listener_open(&config, &q.pair.listener), OK);
    struct connect_config connect = {
        .loop = q.pair.loop, .host = "127.0.0.1", .port = listener_port(q.pair.listener)};
    for (int i = 0; i < 3; i++)
        q.clients[i] = stream_connect(&connect, &queue_events, &q);
    assert_true(loop_run_until(q.pair.loop, three_accepted, &q, 5000));
    for (int i = 0; i < 3; i++)
        stream_write(q.clients[i], SLICE("x"));
    assert_true(loop_run_until(q.pair.loop, three_served, &q, 5000));
    assert_int_equal(q.deferred_before_last, 2);
    pair_close(&q.pair);
}

/* ---- moving ---- */

struct journey {
    struct feed feed;
    struct loop *loops[2];
    pthread_t thread;
    int at;
    size_t next_move;
    int moves;
    size_t echoed;
};

static void journey_arrived(void *arg);

static void journey_data(void *arg, struct slice bytes)
{
    struct journey *j = arg;
    on_data(&j->feed.pair.server, bytes);
    j->echoed += bytes.len;
    if (j->echoed < j->next_move)
        return;
    j->next_move = j->echoed + 300000;
    j->moves++;
    j->at ^= 1;
    stream_move(j->feed.pair.server.stream, j->loops[j->at], journey_arrived, j);
}

static void journey_drain(void *arg)
{
    on_drain(&((struct journey *)arg)->feed.pair.server);
}

static void journey_close(void *arg, enum status why)
{
    on_close(&((struct journey *)arg)->feed.pair.server, why);
}

static const struct stream_events journey_events = {
    .on_data = journey_data, .on_drain = journey_drain, .on_close = journey_close};

static void journey_arrived(void *arg)
{
    struct journey *j = arg;
    assert_ptr_equal(stream_loop(j->feed.pair.server.stream), j->loops[j->at]);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

/* The echoing end goes to and fro between two threads, with unsent bytes on it and more arriving.
 */
static void a_stream_moves_under_traffic_and_loses_nothing(void **state)
{
    bool tls = *state;
    struct journey *j = calloc(1, sizeof(*j));
    struct pair *p = &j->feed.pair;
    p->server.echo = true;
    p->tls = tls;
    pair_open(p);
    j->loops[0] = p->loop;
    j->loops[1] = loop_new();
    assert_int_equal(pthread_create(&j->thread, NULL, run_loop, j->loops[1]), 0);
    stream_events(p->client.stream, &feed_events, &j->feed);
    stream_events(p->server.stream, &journey_events, j);
    feed_more(&j->feed);
    assert_true(loop_run_until(p->loop, all_checked, &j->feed, 60000));
    assert_false(j->feed.wrong);
    assert_true(j->moves > 5);
    loop_stop(j->loops[1]);
    pthread_join(j->thread, NULL);
    loop_free(&j->loops[1]);
    pair_close(p);
    free(j);
}

static void never(void *arg)
{
    (void)arg;
    abort();
}

static void a_stream_under_way_ends_with_the_loop_it_goes_to(void **state)
{
    bool tls = *state;
    struct pair p = {.tls = tls};
    pair_open(&p);
    struct loop *other = loop_new();
    stream_write(p.server.stream, SLICE("lost"));
    stream_move(p.server.stream, other, never, NULL);
    loop_free(&other);
    assert_true(loop_run_until(p.loop, closed, &p.client, 5000));
    pair_close(&p);
}

#define plain_and_tls(test)                                                                        \
    {#test, test, NULL, NULL, NULL},                                                               \
    {                                                                                              \
#test " (TLS)", test, NULL, NULL, &certificates                                            \
    }

int main(void)
{
    certificates = test_certificates_make();
    const struct CMUnitTest tests[] = {
        plain_and_tls(bytes_go_both_ways_and_a_close_ends_both),
        plain_and_tls(ten_megabytes_come_back_as_they_were),
        plain_and_tls(large_and_small_pieces_stay_in_their_order),
        plain_and_tls(a_large_piece_leaves_in_the_call),
        plain_and_tls(a_paused_peer_holds_the_writer_back_and_a_resume_drains),
        plain_and_tls(who_sees_too_much_is_told_when_it_has_gone),
        plain_and_tls(what_was_written_before_a_close_still_arrives),
        plain_and_tls(an_answer_survives_the_unread_rest_of_the_question),
        plain_and_tls(a_stream_may_be_aborted_in_its_own_on_data),
        plain_and_tls(streams_that_are_open_when_the_loop_is_freed_end_without_a_call),
        cmocka_unit_test(a_refused_connection_is_told),
        cmocka_unit_test(a_name_is_looked_up),
        cmocka_unit_test(an_attempt_may_be_aborted_at_any_time),
        cmocka_unit_test(a_connection_that_takes_too_long_times_out),
        cmocka_unit_test(a_port_in_use_is_refused),
        cmocka_unit_test(without_descriptors_a_listener_rests_and_then_accepts),
        cmocka_unit_test(a_turn_with_much_to_do_ends_between_two_events),
        plain_and_tls(a_stream_moves_under_traffic_and_loses_nothing),
        plain_and_tls(a_stream_under_way_ends_with_the_loop_it_goes_to),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_certificates_clear(&certificates);
    return failed;
}
