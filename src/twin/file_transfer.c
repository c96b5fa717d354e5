/* Download and Upload (opcua/file.h). The bytes are base64 in the method's body; over HTTP they are
 * the body (publisher/api_files.c). */
#include "base/encoding.h"
#include "opcua/file.h"
#include "twin/before.h"
#include "twin/file_system.h"
#include "twin/methods.h"
#include "twin/read.h"
#include "twin/target.h"

struct transfer {
    struct twin_request *request;
    bool upload;
    uint8_t mode;
    UA_NodeId file;      /* of an upload */
    struct buffer bytes; /* to be written */
};

static void on_end(void *arg)
{
    struct transfer *t = arg;
    buffer_clear(&t->bytes);
}

static void too_large(struct twin_request *r)
{
    twin_request_fail(r, TOO_LARGE, "The file is larger than %u MB.", FILE_BYTES_MAX >> 20);
}

static void done(void *arg)
{
    struct transfer *t = arg;
    twin_request_done(t->request);
}

static void on_moved(void *arg, UA_StatusCode status, struct slice bytes)
{
    struct transfer *t = arg;
    struct json_writer *w = &t->request->writer;
    struct buffer text = {0};
    if (status == UA_STATUSCODE_BADRESPONSETOOLARGE && !t->upload) {
        too_large(t->request);
        return;
    }
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, NULL);
        return;
    }
    json_object(w);
    if (!t->upload) {
        base64_encode(bytes, &text);
        json_name(w, "data"), json_put_string(w, buffer_slice(&text));
    }
    json_end_object(w);
    buffer_clear(&text);
    if (t->upload)
        twin_after_file(t->request, &t->file, done, t);
    else
        done(t);
}

static void read_file(void *arg, const UA_NodeId *file)
{
    struct transfer *t = arg;
    opcua_file_read(t->request->session, file, FILE_BYTES_MAX, on_moved, t,
                    twin_request_left_ms(t->request));
}

static void write_now(void *arg)
{
    struct transfer *t = arg;
    opcua_file_write(t->request->session, &t->file, t->mode, opcua_method_name("Close"),
                     buffer_slice(&t->bytes), on_moved, t, twin_request_left_ms(t->request));
}

static void write_file(void *arg, const UA_NodeId *file)
{
    struct transfer *t = arg;
    t->file = *file;
    twin_before_file(t->request, file, write_now, t);
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
    twin_target_find(r, "nodeId", "browsePath", NULL, read_file, transfer_new(r));
}

/* "options": {"mode":"Create"|"Write"|"Append"}: without one the file is written anew. */
static bool read_mode(struct transfer *t)
{
    static const struct {
        const char *name;
        uint8_t mode;
    } modes[] = {
        {"", OPCUA_FILE_WRITE | OPCUA_FILE_ERASE},
        {"Create", OPCUA_FILE_WRITE | OPCUA_FILE_ERASE},
        {"Write", OPCUA_FILE_WRITE},
        {"Append", OPCUA_FILE_WRITE | OPCUA_FILE_APPEND},
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
        too_large(r);
    else if (read_mode(t))
        twin_target_find(r, "nodeId", "browsePath", NULL, write_file, t);
}
