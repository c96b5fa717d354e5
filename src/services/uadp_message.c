#include "services/uadp_message.h"

#include <stdio.h>

#include "base/reader.h"
#include "opcua/value_json.h"
#include "json/write.h"

#define VERSION 1
#define FIELDS                                                                                     \
    (OPCUA_FIELD_STATUS | OPCUA_FIELD_SOURCE_TIME | OPCUA_FIELD_SERVER_TIME |                      \
     OPCUA_FIELD_SOURCE_PICO | OPCUA_FIELD_SERVER_PICO)
#define NAMESPACES_MAX 100 /* of a data set; ids of further ones are written with their numbers */

/* 7.2.2.2.2, bits of the first byte, and of those that follow. */
#define HAS_PUBLISHER 0x10
#define HAS_GROUP 0x20
#define HAS_PAYLOAD_HEAD 0x40
#define HAS_EXTENDED_1 0x80
#define EXTENDED_1_CLASS 0x08
#define EXTENDED_1_SECURITY 0x10
#define EXTENDED_1_TIME 0x20
#define EXTENDED_1_PICO 0x40
#define EXTENDED_1_EXTENDED_2 0x80
#define EXTENDED_2_CHUNK 0x01
#define EXTENDED_2_PROMOTED 0x02
#define TYPE_DATA_SETS 0
#define TYPE_ANNOUNCEMENT 2
#define ANNOUNCES_METADATA 2
#define MEMBERS_MAX UINT8_MAX

enum field_encoding { ENCODED_VARIANT, ENCODED_RAW, ENCODED_DATA_VALUE };
enum frame { FRAME_KEY, FRAME_DELTA, FRAME_EVENT, FRAME_KEEP_ALIVE };

struct message {
    struct uadp_names *names;
    struct slice from;
    struct reader r;
    uint8_t kind; /* TYPE_… */
    bool chunk, secured, has_payload_head;
    struct buffer publisher; /* text */
    uint8_t count;
    uint16_t writers[MEMBERS_MAX];
    struct json_writer w;
    bool unknown; /* of one at least there are no names */
    size_t told;
};

/* ---- pieces: numbers go lowest byte first ---- */

static uint64_t number(struct reader *r, size_t len)
{
    struct slice b = reader_bytes(r, len);
    uint64_t v = 0;
    for (size_t i = b.len; i > 0; i--)
        v = v << 8 | b.at[i - 1];
    return v;
}

/* Whether the next bytes are what this is encoded as; goes on behind them. */
static bool skip_encoded(struct reader *r, const void *v, const UA_DataType *type)
{
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    if (UA_encodeBinary(v, type, &bytes) != UA_STATUSCODE_GOOD)
        return false;
    bool same = slice_eq(reader_bytes(r, bytes.length), opcua_slice(bytes)) && reader_ok(r);
    UA_ByteString_clear(&bytes);
    return same;
}

/* Decodes one, and goes on behind it. Where it ends the decoder does not say: it is known of what
 * would be encoded in the same bytes again, and nothing else is taken. */
static enum status decode(struct reader *r, void *out, const UA_DataType *type)
{
    const UA_ByteString bytes = opcua_string_of(r->rest);
    if (r->failed || UA_decodeBinary(&bytes, out, type, NULL) != UA_STATUSCODE_GOOD)
        return BAD_FORMAT;
    if (skip_encoded(r, out, type))
        return OK;
    UA_clear(out, type);
    return BAD_FORMAT;
}

/* ---- the head ---- */

static void read_publisher(struct message *m, unsigned kind)
{
    if (kind == 4)
        buffer_put(&m->publisher, reader_bytes(&m->r, number(&m->r, 4)));
    else if (kind < 4)
        buffer_printf(&m->publisher, "%llu", (unsigned long long)number(&m->r, (size_t)1 << kind));
    else
        m->r.failed = true;
}

static void read_group(struct message *m)
{
    uint8_t flags = reader_u8(&m->r);
    (void)reader_bytes(&m->r, (flags & 1 ? 2 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 2 : 0) +
                                  (flags & 8 ? 2 : 0));
}

static void read_payload_head(struct message *m)
{
    m->count = reader_u8(&m->r);
    for (size_t i = 0; i < m->count; i++)
        m->writers[i] = (uint16_t)number(&m->r, 2);
}

static enum status read_head(struct message *m)
{
    struct reader *r = &m->r;
    uint8_t flags = reader_u8(r);
    uint8_t extended = flags & HAS_EXTENDED_1 ? reader_u8(r) : 0;
    uint8_t more = extended & EXTENDED_1_EXTENDED_2 ? reader_u8(r) : 0;
    m->kind = more >> 2 & 7;
    m->chunk = more & EXTENDED_2_CHUNK;
    m->secured = extended & EXTENDED_1_SECURITY;
    m->has_payload_head = flags & HAS_PAYLOAD_HEAD;
    if ((flags & 15) != VERSION)
        return BAD_FORMAT;
    if (flags & HAS_PUBLISHER)
        read_publisher(m, extended & 7);
    if (extended & EXTENDED_1_CLASS)
        (void)reader_bytes(r, 16);
    if (m->kind != TYPE_DATA_SETS)
        return reader_ok(r) ? OK : BAD_FORMAT;
    if (flags & HAS_GROUP)
        read_group(m);
    if (m->has_payload_head && !m->chunk)
        read_payload_head(m);
    if (extended & EXTENDED_1_TIME)
        (void)reader_bytes(r, 8);
    if (extended & EXTENDED_1_PICO)
        (void)reader_bytes(r, 2);
    if (more & EXTENDED_2_PROMOTED)
        (void)reader_bytes(r, number(r, 2));
    return reader_ok(r) ? OK : BAD_FORMAT;
}

/* Writer, version, publisher, which may be any text: "12\n1.3544321\n7". An announcement does not say
 * its group, of which each may have a writer of that number: but a version is the time at which it
 * was made, to 100 ns. */
static void put_key(const struct message *m, uint16_t writer, uint32_t major, uint32_t minor,
                    struct buffer *out)
{
    buffer_printf(out, "%u\n%u.%u\n", writer, major, minor);
    buffer_put(out, buffer_slice(&m->publisher));
}

/* ---- announcements (7.2.2.4.2) ---- */

static enum status read_announcement(struct message *m)
{
    uint8_t what = reader_u8(&m->r);
    (void)number(&m->r, 2);
    uint16_t writer = (uint16_t)number(&m->r, 2);
    if (what != ANNOUNCES_METADATA)
        return reader_ok(&m->r) ? OK : BAD_FORMAT;
    const UA_ByteString bytes = opcua_string_of(m->r.rest);
    UA_DataSetMetaDataType data;
    struct buffer key = {0};
    if (!reader_ok(&m->r) || UA_decodeBinary(&bytes, &data, &UA_TYPES[UA_TYPES_DATASETMETADATATYPE],
                                             NULL) != UA_STATUSCODE_GOOD)
        return BAD_FORMAT;
    put_key(m, writer, data.configurationVersion.majorVersion,
            data.configurationVersion.minorVersion, &key);
    uadp_names_put(m->names, m->from, buffer_slice(&key), &data);
    UA_DataSetMetaDataType_clear(&data);
    buffer_clear(&key);
    return OK;
}

/* ---- data sets (7.2.2.3.4) ---- */

struct set {
    enum field_encoding encoding;
    enum frame frame;
    bool has_time, has_version;
    UA_DateTime time;
    uint32_t major, minor;
};

static enum status read_set_head(struct reader *r, struct set *s)
{
    uint8_t flags = reader_u8(r);
    uint8_t more = flags & 0x80 ? reader_u8(r) : 0;
    s->encoding = flags >> 1 & 3;
    s->frame = more & 15;
    s->has_time = more & 0x10;
    s->has_version = (flags & 0x60) == 0x60;
    if (flags & 8)
        (void)number(r, 2);
    if (s->has_time)
        s->time = (UA_DateTime)number(r, 8);
    if (more & 0x20)
        (void)number(r, 2);
    if (flags & 0x10)
        (void)number(r, 2);
    s->major = flags & 0x20 ? (uint32_t)number(r, 4) : 0;
    s->minor = flags & 0x40 ? (uint32_t)number(r, 4) : 0;
    if (s->encoding == ENCODED_RAW || s->encoding > ENCODED_DATA_VALUE ||
        s->frame > FRAME_KEEP_ALIVE)
        return UNSUPPORTED;
    return reader_ok(r) ? OK : BAD_FORMAT;
}

static enum status put_field(struct message *m, const struct set *s,
                             const struct opcua_value_form *form)
{
    UA_DataValue v = {0};
    enum status status;
    if (s->encoding == ENCODED_DATA_VALUE) {
        status = decode(&m->r, &v, &UA_TYPES[UA_TYPES_DATAVALUE]);
    } else {
        status = decode(&m->r, &v.value, &UA_TYPES[UA_TYPES_VARIANT]);
        v.hasValue = true;
    }
    if (status != OK)
        return status;
    struct buffer json = {0};
    opcua_value_json_data_value(&v, FIELDS, form, &json);
    json_put_raw(&m->w, buffer_slice(&json));
    buffer_clear(&json);
    UA_DataValue_clear(&v);
    return OK;
}

/* Index 0 is OPC UA's own, of which an announcement does not tell. */
static struct opcua_namespaces namespaces(const struct uadp_announced *data,
                                          UA_String room[NAMESPACES_MAX])
{
    size_t count =
        data->namespace_count < NAMESPACES_MAX ? data->namespace_count : NAMESPACES_MAX - 1;
    room[0] = (UA_String)UA_STRING_STATIC("http://opcfoundation.org/UA/");
    for (size_t i = 0; i < count; i++)
        room[i + 1] = data->namespaces[i];
    return (struct opcua_namespaces){.uris = room, .count = count + 1};
}

static enum status put_payload(struct message *m, const struct set *s,
                               const struct uadp_announced *data)
{
    UA_String room[NAMESPACES_MAX];
    const struct opcua_namespaces names = namespaces(data, room);
    const struct opcua_value_form form = {.names = &names, .reversible = true};
    uint16_t count = (uint16_t)number(&m->r, 2);
    if (s->frame == FRAME_KEY && count != data->field_count)
        return BAD_FORMAT;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t at = s->frame == FRAME_DELTA ? (uint16_t)number(&m->r, 2) : i;
        if (!reader_ok(&m->r) || at >= data->field_count)
            return BAD_FORMAT;
        json_name_slice(&m->w, opcua_slice(data->fields[at]));
        enum status status = put_field(m, s, &form);
        if (status != OK)
            return status;
    }
    return reader_done(&m->r) ? OK : BAD_FORMAT;
}

static void put_set_head(struct message *m, const struct set *s, uint16_t writer,
                         const struct uadp_announced *data)
{
    char id[8];
    struct buffer time = {0};
    snprintf(id, sizeof id, "%u", writer);
    json_name(&m->w, "DataSetWriterId"), json_put_text(&m->w, id);
    json_member(&m->w, "DataSetWriterName", opcua_slice(data->name));
    if (!s->has_time)
        return;
    opcua_value_json_time(s->time, &time);
    json_name(&m->w, "Timestamp"), json_put_raw(&m->w, buffer_slice(&time));
    buffer_clear(&time);
}

/* NULL: not, or in another version. */
static const struct uadp_announced *announced(const struct message *m, const struct set *s,
                                              uint16_t writer)
{
    struct buffer key = {0};
    if (!s->has_version)
        return NULL;
    put_key(m, writer, s->major, s->minor, &key);
    const struct uadp_announced *a = uadp_names_get(m->names, m->from, buffer_slice(&key));
    buffer_clear(&key);
    return a;
}

/* The reader is what belongs to it, and no more. */
static enum status read_set(struct message *m, uint16_t writer)
{
    struct set s = {0};
    enum status status = read_set_head(&m->r, &s);
    if (status != OK || s.frame == FRAME_KEEP_ALIVE)
        return status;
    const struct uadp_announced *data = announced(m, &s, writer);
    if (data == NULL) {
        m->unknown = true;
        return OK;
    }
    m->told++;
    json_object(&m->w);
    put_set_head(m, &s, writer, data);
    json_name(&m->w, "Payload"), json_object(&m->w);
    status = put_payload(m, &s, data);
    json_end_object(&m->w);
    json_end_object(&m->w);
    return status;
}

/* 7.2.2.3.3: of one alone there is no size. */
static enum status read_sets(struct message *m)
{
    size_t sizes[MEMBERS_MAX] = {0};
    uint8_t count = m->has_payload_head ? m->count : 1;
    enum status s = OK;
    for (uint8_t i = 0; count > 1 && i < count; i++)
        sizes[i] = number(&m->r, 2);
    struct slice rest = m->r.rest;
    if (!reader_ok(&m->r))
        return BAD_FORMAT;
    for (uint8_t i = 0; i < count && s == OK; i++) {
        size_t size = count > 1 ? sizes[i] : rest.len;
        if (size > rest.len)
            return BAD_FORMAT;
        m->r = reader_of(slice_first(rest, size));
        rest = slice_skip(rest, size);
        s = read_set(m, m->writers[i]);
    }
    return s;
}

static enum status read_message(struct message *m)
{
    enum status s = read_head(m);
    if (s != OK)
        return s;
    if (m->chunk || m->secured || (m->kind != TYPE_DATA_SETS && m->kind != TYPE_ANNOUNCEMENT))
        return UNSUPPORTED;
    if (m->kind == TYPE_ANNOUNCEMENT)
        return m->r.rest.len > UADP_ANNOUNCEMENT_MAX ? TOO_LARGE : read_announcement(m);
    json_object(&m->w);
    json_member(&m->w, "PublisherId", buffer_slice(&m->publisher));
    json_name(&m->w, "Messages"), json_array(&m->w);
    s = read_sets(m);
    json_end_array(&m->w);
    json_end_object(&m->w);
    return s == OK && m->told == 0 && m->unknown ? NOT_FOUND : s;
}

/* ---- the promise ---- */

bool uadp_message_announces(struct slice bytes)
{
    return bytes.len >= 3 && bytes.at[0] & HAS_EXTENDED_1 && bytes.at[1] & EXTENDED_1_EXTENDED_2 &&
           (bytes.at[2] >> 2 & 7) == TYPE_ANNOUNCEMENT;
}

enum status uadp_message_read(struct uadp_names *names, struct slice from, struct slice bytes,
                              struct buffer *out)
{
    size_t before = out->len;
    struct message m = {.names = names, .from = from, .r = reader_of(bytes), .w = json_writer(out)};
    enum status s = read_message(&m);
    if (s != OK || m.told == 0)
        out->len = before;
    buffer_clear(&m.publisher);
    return s;
}
