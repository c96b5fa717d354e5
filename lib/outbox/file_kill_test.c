/* A publisher that writes files and is killed with no warning: each file is whole, and has all that
 * entered the queue. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/reader.h"
#include "gzip/gzip.h"
#include "iot/message.h"
#include "outbox/lane.h"

#define KILLS 6 /* in the short form */
#define KILLS_LONG 100
#define LIFE 100000u
#define AHEAD 60 /* messages that are not durable yet */
#define DURABLE_MAX 400000
#define BODY_MAX 200000 /* long enough for a kill to come in the middle of a write */

static char folder[] = "/tmp/file-kill-XXXXXX";
static char queue[64], out[64];

/* ---- a life ---- */

struct life {
    struct loop *loop;
    struct lane *lane;
    struct lane_counts counts;
    uint64_t before, put, told, first;
    int said;
    struct loop_timer timer;
};

enum { LINES, COUNTED, GZIP, KINDS };

static struct outgoing *message(uint64_t number)
{
    static const char *const types[] = {[LINES] = "application/json",
                                        [COUNTED] = "application/opcua+uadp",
                                        [GZIP] = "application/json+gzip"};
    static const char *const topics[] = {
        [LINES] = "lines", [COUNTED] = "counted", [GZIP] = "small"};
    struct outgoing *m = outgoing_new();
    struct buffer text = {0};
    size_t len = number % 7 ? 100 + number % 3000 : BODY_MAX;
    buffer_printf(&text, "{\"n\":%llu,\"x\":\"", (unsigned long long)number);
    for (uint64_t x = number | 1; text.len < len; x = x * 6364136223846793005u + 1)
        buffer_u8(&text, (uint8_t)('a' + (x >> 60)));
    buffer_text(&text, "\"}");
    m->content_type = types[number % KINDS];
    m->topic = memory_text(topics[number % KINDS]);
    if (number % KINDS == GZIP)
        gzip_compress(buffer_slice(&text), &m->body);
    else
        buffer_put(&m->body, buffer_slice(&text));
    buffer_clear(&text);
    return m;
}

static void work(void *arg)
{
    struct life *l = arg;
    uint64_t durable = lane_queue_counts(l->lane).durable - l->before;
    for (; l->told < durable; l->told++) {
        uint64_t number = l->first + l->told;
        if (write(l->said, &number, sizeof number) != sizeof number)
            _exit(1);
    }
    for (; l->put < durable + AHEAD; l->put++)
        lane_put(l->lane, message(l->first + l->put));
    loop_timer_start(l->loop, &l->timer, 1, work, l);
}

static void begin(struct life *l)
{
    struct lane_config config = {.loop = l->loop,
                                 .ops = transport_ops(TRANSPORT_FILE),
                                 .transport = {.connection = out},
                                 .disk = store_disk_real(),
                                 .directory = queue,
                                 .durability = STORE_OS,
                                 .bytes_max = 1 << 30,
                                 .memory_bytes = 8 << 20,
                                 .counts = &l->counts};
    if (lane_open(&config, &l->lane) != OK)
        abort();
    l->before = lane_queue_counts(l->lane).durable;
}

static void live_until_killed(int said, unsigned number)
{
    struct life l = {.loop = loop_new(), .first = number * LIFE, .said = said};
    begin(&l);
    work(&l);
    loop_run(l.loop);
    abort();
}

/* ---- the judge ---- */

static uint64_t durable[DURABLE_MAX];
static size_t durable_count;
static uint8_t seen[(KILLS_LONG + 2) * LIFE]; /* by number: how often it stands in a file */

static void live_and_die(unsigned number)
{
    int ends[2];
    uint64_t said;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live_until_killed(ends[1], number);
    }
    close(ends[1]);
    for (unsigned n = 0; n < 200 + number * 37 % 100; n++) {
        assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
        durable[durable_count++] = said;
    }
    kill(child, SIGKILL);
    while (read(ends[0], &said, sizeof said) == sizeof said)
        durable[durable_count++] = said;
    close(ends[0]);
    waitpid(child, NULL, 0);
}

/* Some bytes of what was not acknowledged are all that a kill in the middle of a write leaves. */
static void tear(const char *name, unsigned number)
{
    char path[128];
    struct outgoing *m = message(3 * number + (strcmp(name, "small.gz") == 0      ? GZIP
                                               : strcmp(name, "counted.bin") == 0 ? COUNTED
                                                                                  : LINES));
    struct buffer bytes = {0};
    if (strcmp(name, "counted.bin") == 0)
        buffer_u32(&bytes, (uint32_t)m->body.len);
    buffer_put(&bytes, buffer_slice(&m->body));
    snprintf(path, sizeof path, "%s/%s", out, name);
    FILE *f = fopen(path, "a");
    if (f) {
        size_t len = 1 + number * 997 % (bytes.len - 1);
        assert_int_equal(fwrite(bytes.at, 1, len, f), len);
        fclose(f);
    }
    buffer_clear(&bytes);
    outgoing_free(&m);
}

static bool is_empty(void *arg)
{
    return lane_queue_counts(((struct life *)arg)->lane).waiting == 0;
}

static void drain(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct life l = {.loop = loop_new()};
        begin(&l);
        _exit(loop_run_until(l.loop, is_empty, &l, 120000) ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void look(struct slice body)
{
    uint64_t number;
    struct slice rest = slice_skip(body, 5); /* {"n": */
    assert_true(slice_to_u64(slice_first(rest, slice_find(rest, ',')), &number));
    assert_true(number < sizeof seen);
    assert_true(slice_ends(body, SLICE("\"}")));
    seen[number] += seen[number] < 255;
}

static void read_whole(const char *name, struct buffer *all)
{
    char path[128];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", out, name);
    assert_int_equal(stat(path, &s), 0);
    FILE *f = fopen(path, "r");
    size_t len = (size_t)s.st_size;
    assert_int_equal(fread(buffer_reserve(all, len), 1, len, f), len);
    buffer_added(all, len);
    fclose(f);
}

static void read_lines(void)
{
    struct buffer all = {0};
    read_whole("lines.json", &all);
    struct slice rest = buffer_slice(&all), line;
    assert_true(slice_ends(rest, SLICE("\n")));
    while (rest.len && slice_split(&rest, '\n', &line))
        look(line);
    buffer_clear(&all);
}

static void read_counted(void)
{
    struct buffer all = {0};
    read_whole("counted.bin", &all);
    struct reader r = reader_of(buffer_slice(&all));
    while (!reader_done(&r)) {
        struct slice body = reader_bytes(&r, reader_u32(&r));
        assert_true(reader_ok(&r));
        look(body);
    }
    buffer_clear(&all);
}

static void read_small(void)
{
    struct buffer all = {0}, body = {0};
    read_whole("small.gz", &all);
    struct slice rest = buffer_slice(&all);
    while (rest.len) {
        size_t len;
        assert_int_equal(gzip_measure(rest, &len), OK);
        assert_int_equal(gzip_expand(slice_first(rest, len), 1 << 20, &body), OK);
        look(buffer_slice(&body));
        buffer_reset(&body);
        rest = slice_skip(rest, len);
    }
    buffer_clear(&all);
    buffer_clear(&body);
}

static void files_are_whole_and_have_what_entered_the_queue(void **state)
{
    (void)state;
    if (setxattr(folder, "user.millrace.test", "", 0, 0) != 0)
        skip(); /* nothing counts as ours after a crash there (pubsub/message_mark.h) */
    const char *form = getenv("MILLRACE_TEST_FORM");
    unsigned kills = form && strcmp(form, "long") == 0 ? KILLS_LONG : KILLS;
    for (unsigned i = 1; i <= kills; i++) {
        live_and_die(i);
        if (i % 2 == 0)
            tear("lines.json", i), tear("counted.bin", i), tear("small.gz", i);
    }
    drain();
    read_lines();
    read_counted();
    read_small();
    assert_true(durable_count >= kills * 200);
    for (size_t i = 0; i < durable_count; i++)
        assert_true(seen[durable[i]] > 0);
    print_message("kills=%u durable=%zu\n", kills, durable_count);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(files_are_whole_and_have_what_entered_the_queue, remove_folder)};
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(queue, sizeof queue, "%s/queue", folder);
    snprintf(out, sizeof out, "%s/out", folder);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
