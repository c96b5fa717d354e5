#include "blob/error.h"

#include "base/clock.h"
#include "blob/xml.h"

/* clang-format off */
static const struct blob_error_wire wires[BLOB_ERROR_COUNT] = {
    [BLOB_ERROR_CONTAINER_NOT_FOUND] = {404, "ContainerNotFound", "The specified container does not exist."},
    [BLOB_ERROR_CONTAINER_EXISTS]    = {409, "ContainerAlreadyExists", "The specified container already exists."},
    [BLOB_ERROR_BLOB_NOT_FOUND]      = {404, "BlobNotFound", "The specified blob does not exist."},
    [BLOB_ERROR_BLOB_EXISTS]         = {409, "BlobAlreadyExists", "The specified blob already exists."},
    [BLOB_ERROR_CONDITION]           = {412, "ConditionNotMet", "A condition of the request's headers is not met."},
    [BLOB_ERROR_AUTHENTICATION]      = {403, "AuthenticationFailed", "The shared access signature is not valid for this request: its key, its time, its resource or its form."},
    [BLOB_ERROR_PERMISSION]          = {403, "AuthorizationPermissionMismatch", "The shared access signature does not permit this operation."},
    [BLOB_ERROR_NAME]                = {400, "InvalidResourceName", "The name of the container or of the blob is not allowed."},
    [BLOB_ERROR_QUERY]               = {400, "InvalidQueryParameterValue", "A query parameter has a value that is not known here."},
    [BLOB_ERROR_HEADER]              = {400, "InvalidHeaderValue", "A header has a value that is not in the right form."},
    [BLOB_ERROR_HEADER_MISSING]      = {400, "MissingRequiredHeader", "A header that must be there is not."},
    [BLOB_ERROR_HEADER_UNSUPPORTED]  = {400, "UnsupportedHeader", "A header asks for what is not supported here."},
    [BLOB_ERROR_RANGE]               = {416, "InvalidRange", "The range begins behind the blob's end."},
    [BLOB_ERROR_MD5]                 = {400, "Md5Mismatch", "The body's MD5 is not the one that the request says."},
    [BLOB_ERROR_CRC64]               = {400, "Crc64Mismatch", "The body's CRC64 is not the one that the request says."},
    [BLOB_ERROR_BLOCK_ID]            = {400, "InvalidBlobOrBlock", "The block's id must be base64 of at most 64 bytes, and as long as the ids of the blob's other blocks."},
    [BLOB_ERROR_BLOCK_LIST]          = {400, "InvalidBlockList", "The list names a block that is not there, or one twice."},
    [BLOB_ERROR_BLOCK_COUNT]         = {409, "BlockCountExceedsLimit", "The blob has too many blocks, or too many that are not committed."},
    [BLOB_ERROR_XML]                 = {400, "InvalidXmlDocument", "The body is no BlockList."},
    [BLOB_ERROR_TOO_LARGE]           = {413, "RequestBodyTooLarge", "The request's body is too large."},
    [BLOB_ERROR_TIMED_OUT]           = {408, "RequestTimeout", "The request's body came too slowly."},
    [BLOB_ERROR_BODY]                = {400, "InvalidInput", "The request's body is broken."},
    [BLOB_ERROR_FULL]                = {507, "InsufficientStorage", "The blob store is full: the setting blobs.bytes, or the disk."},
    [BLOB_ERROR_BUSY]                = {503, "ServerBusy", "Too much waits; try again later."},
    [BLOB_ERROR_INTERNAL]            = {500, "InternalError", "The server could not do it; its log says why."},
};
/* clang-format on */

const struct blob_error_wire *blob_error_wire(enum blob_error e)
{
    return (unsigned)e < BLOB_ERROR_COUNT ? &wires[e] : &wires[BLOB_ERROR_INTERNAL];
}

void blob_error_body(enum blob_error e, const char *detail, struct slice request_id,
                     uint64_t wall_ms, struct buffer *out)
{
    const struct blob_error_wire *wire = blob_error_wire(e);
    char time[CLOCK_ISO8601_MAX];
    struct buffer text = {0};
    clock_iso8601(wall_ms, time);
    buffer_printf(&text, "%s\nRequestId:%.*s\nTime:%s", detail ? detail : wire->text,
                  SLICE_FMT(request_id), time);
    buffer_text(out, XML_PROLOG "<Error>");
    xml_put(out, "Code", slice_of(wire->code));
    xml_put(out, "Message", buffer_slice(&text));
    buffer_text(out, "</Error>");
    buffer_clear(&text);
}
