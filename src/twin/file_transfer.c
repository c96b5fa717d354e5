/*
 * Download and Upload: a file is opened, its bytes go in as many pieces as the server wants, and it
 * is closed whatever happened. The bytes are base64 in the method's body; over HTTP they are the
 * body (publisher/api_files.c).
 */
#include "base/encoding.h"
#include "twin/file_system.h"
#include "twin/methods.h"
#include "twin/read.h"
#include "twin/target.h"

/* Part 20, 4.2.2 */
#define OPEN_READ 1
#define OPEN_WRITE 2
#define OPEN_ERASE 4
#define OPEN_APPEND 8

struct transfer {
    struct twin_request *request;
    UA_NodeId file;
    UA_UInt32 handle;
    UA_StatusCode status; /* of the first thing that failed */
    bool upload, too_large;
    UA_Byte mode;
    struct buffer bytes; /* read so far, or to be written */
    size_t at;
};

static void move_some(struct transfer *t);

static void on_end(void *arg)
{
    struct transfer *t = arg;
    buffer_clear(&t->bytes);
}

/* ---- the end ---- */

static void put_bytes(struct transfer *t)
{
    struct json_writer *w = &t->request->writer;
    struct buffer text = {0};
    json_object(w);
    if (!t->upload) {
        base64_encode(buffer_slice(&t->bytes), &text);
        json_name(w, "data"), json_put_string(w, buffer_slice(&text));
    }
    json_end_object(w);
    buffer_clear(&text);
    twin_request_done(t->request);
}

static void on_closed(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    (void)outputs, (void)count;
    if (t->status == UA_STATUSCODE_GOOD && t->upload)
        t->status = status; /* what was written may not be there */
    if (t->too_large)
        twin_request_fail(t->request, TOO_LARGE, "The file is larger than %u MB.",
                          FILE_BYTES_MAX >> 20);
    else if (t->status != UA_STATUSCODE_GOOD)
        twin_request_fault(t->request, t->status, NULL);
    else
        put_bytes(t);
}

static void close_file(struct transfer *t, UA_StatusCode status)
{
    UA_Variant input;
    t->status = status;
    UA_Variant_setScalar(&input, &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    file_call(t->request, &t->file, "Close", &input, 1, on_closed, t);
}

/* ---- pieces ---- */

static void on_read_piece(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    const UA_ByteString *piece = file_output(outputs, count, 0, UA_TYPES_BYTESTRING);
    if (status != UA_STATUSCODE_GOOD || piece == NULL || piece->length == 0) {
        close_file(t, status);
        return;
    }
    buffer_put(&t->bytes, opcua_slice(*piece));
    t->too_large = t->bytes.len > FILE_BYTES_MAX;
    if (t->too_large)
        close_file(t, UA_STATUSCODE_GOOD);
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
    UA_Int32 length = FILE_CHUNK_MAX;
    UA_Variant inputs[2];
    UA_Variant_setScalar(&inputs[0], &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    UA_Variant_setScalar(&inputs[1], &length, &UA_TYPES[UA_TYPES_INT32]);
    file_call(t->request, &t->file, "Read", inputs, 2, on_read_piece, t);
}

static void write_piece(struct transfer *t)
{
    size_t left = t->bytes.len - t->at;
    size_t len = left < FILE_CHUNK_MAX ? left : FILE_CHUNK_MAX;
    UA_ByteString piece = opcua_string_of(slice_from(t->bytes.at + t->at, len));
    UA_Variant inputs[2];
    UA_Variant_setScalar(&inputs[0], &t->handle, &UA_TYPES[UA_TYPES_UINT32]);
    UA_Variant_setScalar(&inputs[1], &piece, &UA_TYPES[UA_TYPES_BYTESTRING]);
    t->at += len;
    file_call(t->request, &t->file, "Write", inputs, 2, on_written_piece, t);
}

static void move_some(struct transfer *t)
{
    if (!t->upload)
        read_piece(t);
    else if (t->at < t->bytes.len)
        write_piece(t);
    else
        close_file(t, UA_STATUSCODE_GOOD);
}

/* ---- the beginning ---- */

static void on_opened(void *arg, UA_StatusCode status, const UA_Variant *outputs, size_t count)
{
    struct transfer *t = arg;
    const UA_UInt32 *handle = file_output(outputs, count, 0, UA_TYPES_UINT32);
    if (status == UA_STATUSCODE_GOOD && handle == NULL)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, NULL);
        return;
    }
    t->handle = *handle;
    move_some(t);
}

static void open_file(void *arg, const UA_NodeId *file)
{
    struct transfer *t = arg;
    UA_Variant input;
    t->file = *file;
    UA_Variant_setScalar(&input, &t->mode, &UA_TYPES[UA_TYPES_BYTE]);
    file_call(t->request, file, "Open", &input, 1, on_opened, t);
}

static struct transfer *transfer_new(struct twin_request *r)
{
    struct transfer *t = ARENA_TAKE(&r->arena, struct transfer);
    t->request = r;
    r->on_end = on_end;
    r->on_end_arg = t;
    return t;
}

void twin_file_download(struct twin_request *r)
{
    struct transfer *t = transfer_new(r);
    t->mode = OPEN_READ;
    twin_target_find(r, "nodeId", "browsePath", NULL, open_file, t);
}

/* "options": {"mode":"Create"|"Write"|"Append"}: without one the file is written anew. */
static bool read_mode(struct transfer *t)
{
    static const struct {
        const char *name;
        UA_Byte mode;
    } modes[] = {
        {"", OPEN_WRITE | OPEN_ERASE},
        {"Create", OPEN_WRITE | OPEN_ERASE},
        {"Write", OPEN_WRITE},
        {"Append", OPEN_WRITE | OPEN_APPEND},
    };
    const struct json *options = json_get_nocase(t->request->parameters, "options");
    struct slice name = json_string(json_get_nocase(options, "mode"));
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_eq_nocase(name, slice_of(modes[i].name))) {
            t->mode = modes[i].mode;
            return true;
        }
    twin_request_fail(t->request, BAD_ARGUMENT, "mode is one of Create, Write and Append.");
    return false;
}

void twin_file_upload(struct twin_request *r)
{
    struct transfer *t = transfer_new(r);
    struct slice data = json_string(json_get_nocase(r->parameters, "data"));
    t->upload = true;
    if (base64_decode(data, &t->bytes) != OK)
        twin_request_fail(r, BAD_ARGUMENT, "data is not base64.");
    else if (t->bytes.len > FILE_BYTES_MAX)
        twin_request_fail(r, TOO_LARGE, "The file is larger than %u MB.", FILE_BYTES_MAX >> 20);
    else if (read_mode(t))
        twin_target_find(r, "nodeId", "browsePath", NULL, open_file, t);
}
