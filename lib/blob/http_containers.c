/* Containers: made, looked at, listed, deleted. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "blob/http_call.h"
#include "blob/xml.h"

/* "restype=container" must be there: without it the path means a blob in "$root", which nobody
 * uses. */
static struct blob_call *begin(struct rest_request *r, unsigned any_of)
{
    struct blob_call *call = blob_call_begin(r, any_of);
    if (call == NULL || slice_eq_nocase(rest_query(r, "restype"), SLICE("container")))
        return call;
    blob_call_error(call, BLOB_ERROR_QUERY, "restype must be container here.");
    return NULL;
}

static void on_made(struct blob_job *j, enum status why)
{
    if (why != OK) {
        blob_call_fail(j->arg, why);
        return;
    }
    blob_call_add_facts(j->arg, &j->facts);
    blob_call_reply(j->arg, 201);
}

void blob_http_container_put(struct rest_request *r)
{
    struct blob_call *call = begin(r, BLOB_CREATE | BLOB_WRITE);
    if (call == NULL)
        return;
    if (rest_query(r, "comp").len)
        blob_call_error(
            call, BLOB_ERROR_QUERY,
            "comp: a container is made and deleted here, and has no properties to set.");
    else
        blob_call_ask(call, BLOB_CONTAINER_MAKE, on_made);
}

static void on_dropped(struct blob_job *j, enum status why)
{
    if (why == OK)
        blob_call_reply(j->arg, 202);
    else
        blob_call_fail(j->arg, why);
}

void blob_http_container_delete(struct rest_request *r)
{
    struct blob_call *call = begin(r, BLOB_DELETE);
    if (call)
        blob_call_ask(call, BLOB_CONTAINER_DROP, on_dropped);
}

static void on_looked(struct blob_job *j, enum status why)
{
    struct blob_call *call = j->arg;
    if (why != OK) {
        blob_call_fail(call, why);
        return;
    }
    blob_call_add_facts(call, &j->facts);
    rest_add_header(call->request, "x-ms-lease-status", SLICE("unlocked"));
    rest_add_header(call->request, "x-ms-lease-state", SLICE("available"));
    blob_call_reply(call, 200);
}

/* ---- List Blobs ---- */

static void put_time(struct buffer *out, const char *name, uint64_t ms)
{
    char date[CLOCK_ISO8601_MAX];
    xml_put(out, name, slice_from(date, clock_http_date(ms, date)));
}

static void put_properties(struct buffer *out, const struct blob_facts *f)
{
    struct buffer etag = {0};
    blob_etag_print(f->etag, &etag);
    buffer_text(out, "<Properties>");
    put_time(out, "Creation-Time", f->created_ms);
    put_time(out, "Last-Modified", f->modified_ms);
    xml_put(out, "Etag", buffer_slice(&etag));
    xml_put_number(out, "Content-Length", f->bytes);
    xml_put(out, "Content-Type", f->headers.type);
    xml_put(out, "Content-Encoding", f->headers.encoding);
    xml_put(out, "Content-Language", f->headers.language);
    xml_put(out, "Content-MD5", f->headers.md5);
    xml_put(out, "Cache-Control", f->headers.cache_control);
    xml_put(out, "Content-Disposition", f->headers.disposition);
    buffer_text(
        out,
        "<BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>"
        "<LeaseState>available</LeaseState><ServerEncrypted>false</ServerEncrypted></Properties>");
    buffer_clear(&etag);
}

/* A name that could be no element's is left out: it came in a header. */
static bool is_element(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t b = name.at[i] | 32;
        if (!(b >= 'a' && b <= 'z') && name.at[i] != '_' &&
            !(i > 0 && name.at[i] >= '0' && name.at[i] <= '9'))
            return false;
    }
    return name.len > 0;
}

static void put_meta(struct buffer *out, struct slice meta)
{
    struct slice line;
    buffer_text(out, "<Metadata>");
    while (meta.len > 0 && slice_split(&meta, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        struct slice name = slice_first(line, colon);
        if (!is_element(name))
            continue;
        buffer_printf(out, "<%.*s>", SLICE_FMT(name));
        xml_put_text(out, slice_skip(line, colon + 1));
        buffer_printf(out, "</%.*s>", SLICE_FMT(name));
    }
    buffer_text(out, "</Metadata>");
}

static void put_item(struct buffer *out, const struct blob_item *item, bool meta)
{
    buffer_text(out, item->prefix ? "<BlobPrefix>" : "<Blob>");
    xml_put(out, "Name", item->name);
    if (!item->prefix)
        put_properties(out, &item->facts);
    if (!item->prefix && meta)
        put_meta(out, item->facts.headers.meta);
    buffer_text(out, item->prefix ? "</BlobPrefix>" : "</Blob>");
}

/* Where the next page goes on: opaque, so that it may hold what XML cannot. */
static void put_marker(struct buffer *out, const struct blob_job *j)
{
    struct buffer text = {0};
    if (j->more) {
        const struct blob_item *last = &j->items[j->item_count - 1];
        struct buffer after = {0};
        buffer_put(&after, last->name);
        if (last->prefix)
            buffer_u8(&after, 0xff);
        base64_encode(buffer_slice(&after), &text);
        buffer_clear(&after);
    }
    xml_put(out, "NextMarker", buffer_slice(&text));
    buffer_clear(&text);
}

static void on_listed(struct blob_job *j, enum status why)
{
    struct blob_call *call = j->arg;
    struct rest_request *r = call->request;
    if (why != OK) {
        blob_call_fail(call, why);
        return;
    }
    bool meta = slice_find_slice(rest_query(r, "include"), SLICE("metadata")) <
                rest_query(r, "include").len;
    struct buffer xml = {0};
    buffer_text(&xml, XML_PROLOG);
    buffer_printf(&xml, "<EnumerationResults ServiceEndpoint=\"https://");
    xml_put_text(&xml, rest_header(r, "Host"));
    buffer_printf(&xml, "/\" ContainerName=\"%.*s\">", SLICE_FMT(j->container));
    xml_put(&xml, "Prefix", j->prefix);
    xml_put(&xml, "Marker", rest_query(r, "marker"));
    xml_put_number(&xml, "MaxResults", j->top);
    if (j->delimiter.len)
        xml_put(&xml, "Delimiter", j->delimiter);
    buffer_text(&xml, "<Blobs>");
    for (size_t i = 0; i < j->item_count; i++)
        put_item(&xml, &j->items[i], meta);
    buffer_text(&xml, "</Blobs>");
    put_marker(&xml, j);
    buffer_text(&xml, "</EnumerationResults>");
    blob_call_xml(call, 200, buffer_slice(&xml));
    buffer_clear(&xml);
}

static void list(struct blob_call *call)
{
    struct rest_request *r = call->request;
    struct buffer after = {0};
    uint64_t top = BLOB_LIST_MAX;
    struct slice wanted = rest_query(r, "maxresults");
    if ((wanted.len && (!slice_to_u64(wanted, &top) || top == 0)) ||
        base64_decode(rest_query(r, "marker"), &after) != OK) {
        buffer_clear(&after);
        blob_call_error(call, BLOB_ERROR_QUERY,
                        "maxresults must be a number from 1, marker what a page before said.");
        return;
    }
    call->job.top = top < BLOB_LIST_MAX ? top : BLOB_LIST_MAX;
    call->job.prefix = rest_query(r, "prefix");
    call->job.delimiter = rest_query(r, "delimiter");
    call->job.after = arena_copy(&r->arena, buffer_slice(&after));
    buffer_clear(&after);
    blob_call_ask(call, BLOB_CONTAINER_LIST, on_listed);
}

void blob_http_container_get(struct rest_request *r)
{
    bool lists = slice_eq_nocase(rest_query(r, "comp"), SLICE("list"));
    struct blob_call *call = begin(r, lists ? BLOB_LIST : BLOB_READ | BLOB_LIST);
    if (call == NULL)
        return;
    if (lists)
        list(call);
    else if (rest_query(r, "comp").len)
        blob_call_error(call, BLOB_ERROR_QUERY,
                        "comp: a container has its properties and its list here.");
    else
        blob_call_ask(call, BLOB_CONTAINER_LOOK, on_looked);
}
