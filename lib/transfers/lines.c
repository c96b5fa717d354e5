/*
 * How far an import or export job has come, so that a hub that starts again goes on with it: a mark
 * in the transfer's row, and behind the mark each line of an import that was carried out, with what
 * it was refused for. A line is written down in the transaction that carries it out, and so done
 * once, however often it is asked for.
 */
#include "registry/tables.h"
#include "transfers/rows.h"

static void bind_line(struct store_table *t, size_t n, const struct registry_errand *e)
{
    store_bind(t, n, 1, e->ask.name);
    store_bind_i64(t, n, 2, (int64_t)e->ask.top);
}

/* OK: it was carried out before the hub started again, and this is the answer. */
static enum status recall(struct store_table *t, struct registry_errand *e)
{
    size_t n = SQL_TRANSFER_LINE_GET;
    bind_line(t, n, e);
    enum status s = store_step(t, n);
    if (s != OK)
        return s;
    struct slice code = store_column(t, n, 0);
    if (code.len) {
        e->answer.code = arena_text(&e->arena, code);
        e->answer.text = arena_text(&e->arena, store_column(t, n, 1));
    }
    store_reset(t, n);
    return OK;
}

static enum status note(struct store_table *t, const struct registry_errand *e)
{
    size_t n = SQL_TRANSFER_LINE_PUT;
    bind_line(t, n, e);
    store_bind(t, n, 3, slice_of(e->answer.code));
    store_bind(t, n, 4, slice_of(e->answer.text));
    return store_run(t, n);
}

/* The disk or the database, and not the line. */
static bool world_failed(const struct registry_errand *e, enum status why)
{
    return e->answer.text == NULL && (why == IO_FAILED || why == FULL || why == BAD_FORMAT);
}

/* A refusal undoes what the line did so far, and is kept. */
static enum status keep_refusal(struct store_table *t, struct registry_errand *e, enum status why)
{
    enum status s = store_run(t, SQL_TRANSFER_LINE_UNDO);
    registry_errand_name(e, why);
    e->answer.code = iot_status_wire_of(e->answer.of, why)->name;
    e->nothing_done = true;
    return s;
}

static enum status carry_out(struct store_table *t, struct registry_errand *e)
{
    enum status s = store_run(t, SQL_TRANSFER_LINE_BEGIN);
    if (s != OK)
        return s;
    s = registry_import.run(t, e);
    if (s != OK && world_failed(e, s))
        return s;
    if (s != OK)
        s = keep_refusal(t, e, s);
    else if (e->answer.warning) {
        e->answer.code = "DeviceRegisteredWithoutTwin";
        e->answer.text = e->answer.warning;
    }
    return s == OK ? store_run(t, SQL_TRANSFER_LINE_END) : s;
}

static enum status run_line(struct store_table *t, struct registry_errand *e)
{
    enum status s = recall(t, e);
    if (s != NOT_FOUND) {
        e->nothing_done = true;
        return s;
    }
    s = carry_out(t, e);
    return s == OK ? note(t, e) : s;
}

enum status transfer_lines_forget(struct store_table *t, struct slice job, uint64_t to_line)
{
    store_bind(t, SQL_TRANSFER_LINES_FORGET, 1, job);
    store_bind_i64(t, SQL_TRANSFER_LINES_FORGET, 2, (int64_t)to_line);
    return store_run(t, SQL_TRANSFER_LINES_FORGET);
}

static enum status run_mark(struct store_table *t, struct registry_errand *e)
{
    store_bind(t, SQL_TRANSFER_MARK, 1, e->ask.name);
    store_bind(t, SQL_TRANSFER_MARK, 2, e->ask.body);
    enum status s = store_run(t, SQL_TRANSFER_MARK);
    return s == OK ? transfer_lines_forget(t, e->ask.name, e->ask.top) : s;
}

/* ---- what can be asked ---- */

const struct registry_work transfer_row_mark = {run_mark, IOT_JOB};
const struct registry_work transfer_row_line = {run_line, IOT_DEVICE, .changes = true};
