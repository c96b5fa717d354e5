/*
 * The lines of a blob, range after range, each a change of its own in the registry. What is refused
 * goes into another blob, a line for a line, and holds up nothing else.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "configurations/rows.h"
#include "transfers/transfers_priv.h"
#include "json/write.h"

static void go_on(struct transfer *x);

/* ---- errors ---- */

static void put_error(struct transfer *x, struct iot_id id, uint64_t line, const char *code,
                      const char *text)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_member(&w, "id", id.device);
    json_member(&w, "moduleId", id.module);
    json_name(&w, "errorCode"), json_put_text(&w, code);
    json_name(&w, "errorStatus"), json_put_text(&w, text ? text : "");
    json_name(&w, "line"), json_put_u64(&w, line);
    json_end_object(&w);
    buffer_put(&x->writer.waiting, buffer_slice(&out));
    buffer_text(&x->writer.waiting, "\r\n");
    buffer_clear(&out);
    x->errors++;
}

/* ---- one line ---- */

struct line {
    struct transfer *transfer;
    struct arena arena;
    struct iot_id id;
    struct slice text;
    uint64_t number;
    struct loop_timer pause;
};

static void ask_registry(void *arg);

static void on_imported(void *arg, const struct registry_answer *a)
{
    struct line *l = arg;
    struct transfer *x = l->transfer;
    if (a->why == BUSY && !x->cancelled) {
        loop_timer_start(x->loop, &l->pause, TRANSFER_PAUSE_MS, ask_registry, l);
        return;
    }
    if (a->why == IO_FAILED && x->reason == NULL)
        x->reason = arena_printf(&x->arena, "the registry could not be written at line %llu",
                                 (unsigned long long)l->number);
    if (a->why != OK)
        put_error(x, l->id, l->number, iot_status_wire_of(a->of, a->why)->name, a->text);
    else if (a->code)
        put_error(x, l->id, l->number, a->code, a->text);
    arena_clear(&l->arena);
    free(l);
    x->under_way--;
    go_on(x);
}

static void ask_registry(void *arg)
{
    struct line *l = arg;
    struct registry_ask device = {.what = &transfer_row_line,
                                  .id = l->id,
                                  .name = l->transfer->id,
                                  .top = l->number,
                                  .body = l->text};
    struct registry_ask configuration = {.what = &configuration_put,
                                         .name = l->id.device,
                                         .body = l->text,
                                         .if_match = SLICE("*")}; /* there or not */
    registry_ask(l->transfer->registry, l->transfer->loop,
                 l->transfer->in_configurations ? &configuration : &device, on_imported, l);
}

static void import_line(struct transfer *x, struct slice text)
{
    struct json_doc *doc = NULL;
    struct line *l;
    x->line++;
    text = slice_trim(text);
    if (x->line == 1 && slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_skip(text, 3); /* .NET's mark of UTF-8 */
    if (text.len == 0)
        return;
    if (json_parse(text, JSON_STRICT, &doc, NULL) != OK || !json_is(json_root(doc), JSON_OBJECT)) {
        put_error(x, (struct iot_id){0}, x->line, "DeserializationError",
                  "the line is no JSON object");
        json_free(&doc);
        return;
    }
    l = MEMORY_NEW(struct line);
    l->transfer = x;
    l->number = x->line;
    l->id.device = arena_copy(&l->arena, json_string(json_get(json_root(doc), "id")));
    l->id.module = arena_copy(&l->arena, json_string(json_get(json_root(doc), "moduleId")));
    json_free(&doc);
    l->text = arena_copy(&l->arena, text);
    x->under_way++;
    ask_registry(l);
}

/* ---- the blob ---- */

static void on_read(void *arg, struct slice bytes)
{
    struct transfer *x = arg;
    buffer_drop(&x->lines, x->at);
    x->at = 0;
    buffer_put(&x->lines, bytes);
    x->reading = false;
    transfer_progress(x, x->reader.at, x->reader.size);
    go_on(x);
}

static void on_failed(void *arg, enum status why, const char *reason)
{
    struct transfer *x = arg;
    (void)why;
    x->reading = false;
    x->reason = arena_text(&x->arena, slice_of(reason));
    go_on(x);
}

static void on_written(void *arg, enum status why, const char *reason)
{
    struct transfer *x = arg;
    if (why != OK && x->reason == NULL)
        x->reason = arena_text(&x->arena, slice_of(reason));
    if (x->writer.finishing)
        transfer_end(x, x->reason);
    else
        go_on(x);
}

/* The next line, or what is left at the end of the blob. False when there is none in the buffer. */
static bool next_line(struct transfer *x, struct slice *line)
{
    struct slice rest = slice_skip(buffer_slice(&x->lines), x->at);
    size_t end = slice_find(rest, '\n');
    if (end == rest.len && (!transfer_reader_at_end(&x->reader) || rest.len == 0)) {
        if (rest.len > TRANSFER_LINE_MAX && x->reason == NULL)
            x->reason = arena_printf(&x->arena, "line %llu is longer than %u bytes",
                                     (unsigned long long)x->line + 1, TRANSFER_LINE_MAX);
        return false;
    }
    *line = slice_first(rest, end);
    x->at += end < rest.len ? end + 1 : end;
    return true;
}

/* From here a hub that starts again goes on: what was read is carried out, and what was refused is written. */
static void read_on(struct transfer *x)
{
    transfer_mark_save(x);
    x->reading = true;
    transfer_reader_next(&x->reader);
}

static void begin_configurations(struct transfer *x)
{
    x->in_configurations = true;
    buffer_reset(&x->lines);
    x->at = 0;
    x->line = 0;
    transfer_reader_again(&x->reader, x->configurations);
    read_on(x);
}

/* Nothing is under way any more: what is next, or the errors go out, if there are any. */
static void end(struct transfer *x)
{
    bool next = x->configurations && !x->in_configurations && !x->reason && !x->cancelled;
    if (next && x->writer.waiting.len > 0)
        transfer_writer_send(&x->writer);
    else if (next)
        begin_configurations(x);
    else if (x->writer.waiting.len + x->writer.blocks > 0 && !x->writer.finishing)
        transfer_writer_finish(&x->writer);
    else if (!x->writer.finishing)
        transfer_end(x, x->reason);
}

static void go_on(struct transfer *x)
{
    struct slice line;
    bool stops = x->cancelled || x->reason;
    while (!stops && x->under_way < TRANSFER_IMPORTS_MAX && transfer_writer_has_room(&x->writer) &&
           next_line(x, &line))
        import_line(x, line);
    stops = x->cancelled || x->reason;
    if (x->under_way || x->reading || x->writer.call.under_way)
        return; /* what is under way comes back here */
    if (!transfer_writer_has_room(&x->writer))
        transfer_writer_send(&x->writer);
    else if (stops || transfer_reader_at_end(&x->reader))
        end(x);
    else if (x->writer.waiting.len > 0)
        transfer_writer_send(&x->writer);
    else
        read_on(x);
}

void transfer_import_begin(struct transfer *x)
{
    x->reader.read = on_read;
    x->reader.failed = on_failed;
    x->writer.written = on_written;
    if (x->in_configurations)
        x->reader.name = x->configurations;
    x->reading = true;
    transfer_reader_next(&x->reader);
}
