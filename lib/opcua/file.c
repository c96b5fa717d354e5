#include "opcua/file.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/method.h"

#define CLOSE_MS 5000 /* also where the time of all is over: the session, with what is open in it, lives longer */

struct transfer {
    struct opcua_session *session;
    uint64_t ends_ms;
    UA_NodeId file, mover; /* mover: its method Read or Write, once it was called */
    UA_UInt32 handle;
    UA_StatusCode status; /* of the first thing that failed */
    bool write;
    UA_QualifiedName close;
    struct slice left;  /* to be written */
    struct buffer read; /* so far */
    size_t bytes_max;
    opcua_file_fn *fn;
    void *arg;
};

static void move_some(struct transfer *t);

static uint64_t now_ms(const struct transfer *t)
{
    return loop_now_ms(opcua_thread_loop(opcua_session_thread(t->session)));
}

static uint32_t left_ms(const struct transfer *t)
{
    uint64_t now = now_ms(t);
    return t->ends_ms > now ? (uint32_t)(t->ends_ms - now) : 1;
}

static void ask(struct transfer *t, UA_QualifiedName method, const UA_Variant *inputs, size_t count,
                opcua_method_fn *fn)
{
    opcua_method_call(t->session, &t->file, method, inputs, count, fn, t, left_ms(t));
}

static void ask_again(struct transfer *t, const char *method, const UA_Variant *inputs, size_t count,
                      opcua_method_fn *fn)
{
    opcua_method_call_again(t->session, &t->file, opcua_method_name(method), &t->mover, inputs,
                            count, fn, t, left_ms(t));
}

/* ---- the end ---- */

static void end(struct transfer *t, UA_StatusCode status)
{
    t->fn(t->arg, status,
          status == UA_STATUSCODE_GOOD ? buffer_slice(&t->read) : (struct slice){0});
    UA_NodeId_clear(&t->file);
    UA_NodeId_clear(&t->mover);
    UA_QualifiedName_clear(&t->close);
    buffer_clear(&t->read);
    opcua_session_unref(&t->session);
    free(t);
}

static void on_closed(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    (void)status, (void)outputs, (void)count;
    end(t, t->status);
}

static void close_file(struct transfer *t, UA_StatusCode status)
{
    UA_Variant input;
    t->status = status;
    UA_Variant_setScalar(&input, &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    t->ends_ms = now_ms(t) + CLOSE_MS;
    ask(t, opcua_method_name("Close"), &input, 1, on_closed);
}

/* What was written may not be there when that failed, and the file may be open. */
static void on_all_written(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    (void)outputs, (void)count;
    if (status == UA_STATUSCODE_GOOD)
        end(t, status);
    else
        close_file(t, status);
}

static void end_writing(struct transfer *t)
{
    UA_Variant input;
    UA_Variant_setScalar(&input, &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    ask(t, t->close, &input, 1, on_all_written);
}

/* ---- pieces ---- */

static void on_read_piece(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    const UA_ByteString *piece = opcua_method_output(outputs, count, 0, UA_TYPES_BYTESTRING);
    if (status != UA_STATUSCODE_GOOD || piece == NULL || piece->length == 0) {
        close_file(t, status);
        return;
    }
    buffer_put(&t->read, opcua_slice(*piece));
    if (t->read.len > t->bytes_max)
        close_file(t, UA_STATUSCODE_BADRESPONSETOOLARGE);
    else
        move_some(t);
}

static void on_written_piece(void *arg, UA_StatusCode status, const UA_Variant *outputs,
                             size_t count)
{
    struct transfer *t = arg;
    (void)outputs, (void)count;
    if (status != UA_STATUSCODE_GOOD)
        close_file(t, status);
    else
        move_some(t);
}

static void read_piece(struct transfer *t)
{
    UA_Int32 length = OPCUA_FILE_CHUNK_MAX;
    UA_Variant inputs[2];
    UA_Variant_setScalar(&inputs[0], &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    UA_Variant_setScalar(&inputs[1], &length, &UA_TYPES[UA_TYPES_INT32]);
    ask_again(t, "Read", inputs, 2, on_read_piece);
}

static void write_piece(struct transfer *t)
{
    UA_ByteString piece = opcua_string_of(slice_first(t->left, OPCUA_FILE_CHUNK_MAX));
    UA_Variant inputs[2];
    UA_Variant_setScalar(&inputs[0], &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    UA_Variant_setScalar(&inputs[1], &piece, &UA_TYPES[UA_TYPES_BYTESTRING]);
    t->left = slice_from(t->left.at + piece.length, t->left.len - piece.length);
    ask_again(t, "Write", inputs, 2, on_written_piece);
}

static void move_some(struct transfer *t)
{
    if (now_ms(t) >= t->ends_ms) /* as many pieces as a server likes */
        close_file(t, UA_STATUSCODE_BADTIMEOUT);
    else if (!t->write)
        read_piece(t);
    else if (t->left.len)
        write_piece(t);
    else
        end_writing(t);
}

/* ---- the beginning ---- */

static void on_opened(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    const UA_UInt32 *handle = opcua_method_output(outputs, count, 0, UA_TYPES_UINT32);
    if (status == UA_STATUSCODE_GOOD && handle == NULL)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        end(t, status);
        return;
    }
    t->handle = *handle;
    move_some(t);
}

static struct transfer *transfer_new(struct opcua_session *s, const UA_NodeId *file,
                                     opcua_file_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct transfer *t = MEMORY_NEW(struct transfer);
    t->session = opcua_session_ref(s);
    t->ends_ms = now_ms(t) + timeout_ms;
    t->fn = fn;
    t->arg = arg;
    UA_NodeId_copy(file, &t->file);
    return t;
}

static void open_file(struct transfer *t, UA_Byte mode)
{
    UA_Variant input;
    UA_Variant_setScalar(&input, &mode, &UA_TYPES[UA_TYPES_BYTE]);
    ask(t, opcua_method_name("Open"), &input, 1, on_opened);
}

void opcua_file_read(struct opcua_session *s, const UA_NodeId *file, size_t bytes_max,
                     opcua_file_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct transfer *t = transfer_new(s, file, fn, arg, timeout_ms);
    t->bytes_max = bytes_max;
    open_file(t, OPCUA_FILE_READ);
}

void opcua_file_write(struct opcua_session *s, const UA_NodeId *file, uint8_t mode,
                      UA_QualifiedName close, struct slice bytes, opcua_file_fn *fn, void *arg,
                      uint32_t timeout_ms)
{
    struct transfer *t = transfer_new(s, file, fn, arg, timeout_ms);
    t->write = true;
    t->left = bytes;
    UA_QualifiedName_copy(&close, &t->close);
    open_file(t, mode);
}
