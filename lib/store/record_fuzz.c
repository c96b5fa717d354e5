/*
 * Any bytes as a segment file: it opens, what is read are records that were put there, and it takes
 * more. The input is pieces: a byte that says what, a byte for the length, and bytes; some pieces
 * become whole records, so that the fuzzer need not guess checksums.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/reader.h"
#include "io/sim.h"
#include "store/record.h"
#include "store/sim_disk.h"

#define SALT 0x5eedu
#define PATH "/f/00000000000000000005-0000000100005eed.log"

static void put_record(struct buffer *out, uint64_t sequence, uint32_t before, struct slice bytes)
{
    size_t size = STORE_RECORD_HEADER + bytes.len;
    uint8_t *at = buffer_reserve(out, size);
    store_record_put(at, sequence, 77, slice_first(bytes, bytes.len / 3),
                     slice_skip(bytes, bytes.len / 3));
    store_record_seal(at, before, SALT, (struct slice){0});
    buffer_added(out, size);
}

static void build(struct slice input, struct buffer *out)
{
    struct reader r = reader_of(input);
    uint64_t sequence = 5;
    while (r.rest.len && reader_ok(&r)) {
        uint8_t what = reader_u8(&r);
        size_t len = reader_u8(&r);
        struct slice bytes = reader_bytes(&r, len < r.rest.len ? len : r.rest.len);
        switch (what % 4) {
        case 0:
            buffer_put(out, bytes);
            break;
        case 1:
            put_record(out, sequence + what / 4, what / 16, bytes);
            break;
        default:
            put_record(out, sequence++, what / 4, bytes);
        }
    }
}

static uint64_t read_all(struct store_log *l)
{
    struct store_reader *r = store_reader_open(l, 1);
    struct store_record got;
    uint64_t last = 0;
    while (store_reader_next(r, &got) == OK) {
        assert(got.sequence > last && got.bytes.len <= STORE_RECORD_MAX);
        last = got.sequence;
    }
    store_reader_close(&r);
    return last;
}

static void use(struct loop *loop, struct store_disk *disk)
{
    struct store_log *l;
    struct store_log_config config = {.loop = loop, .disk = disk, .directory = "/f"};
    if (store_log_open(&config, &l) != OK)
        abort();
    uint64_t sequence, next = store_log_next(l);
    assert(read_all(l) < next);
    if (store_log_append(l, SLICE("more"), 78, &sequence) != OK || sequence != next)
        abort();
    store_log_close(&l);
    if (store_log_open(&config, &l) != OK)
        abort();
    assert(read_all(l) == next && store_log_find_time(l, 78) <= next);
    store_log_close(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    log_setup("fuzz", LOG_LEVEL_ERROR, 0);
    struct sim *sim = sim_new(1);
    struct loop *loop = sim_loop_new(sim, "here");
    struct store_disk *disk = sim_disk_new(1);
    struct buffer file = {0};
    build(slice_from(at, len), &file);
    sim_disk_put(disk, PATH, buffer_slice(&file));
    if (len > 100)
        sim_disk_put(disk, "/f/cursors", slice_from(at + len / 2, len / 2));
    use(loop, disk);
    buffer_clear(&file);
    sim_free(&sim);
    sim_disk_free(&disk);
    return 0;
}
