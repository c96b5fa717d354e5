#include "twin/methods.h"

#define STREAM_MS 60000 /* of what comes page after page */

#define BEGIN(run, need)                                                                           \
    static void begin_##run(struct module_call *c)                                                 \
    {                                                                                              \
        twin_request_begin(c, twin_##run, need);                                                   \
    }

BEGIN(browse, TWIN_SESSION)
BEGIN(browse_next, TWIN_SESSION)
BEGIN(browse_path, TWIN_SESSION)
BEGIN(value_read, TWIN_SESSION)
BEGIN(value_write, TWIN_SESSION)
BEGIN(node_read, TWIN_SESSION)
BEGIN(node_write, TWIN_SESSION)
BEGIN(method_metadata, TWIN_SESSION)
BEGIN(method_call, TWIN_SESSION)
BEGIN(compile_query, TWIN_SESSION)
BEGIN(history_read, TWIN_SESSION)
BEGIN(history_read_next, TWIN_SESSION)
BEGIN(history_read_values, TWIN_SESSION)
BEGIN(history_read_modified, TWIN_SESSION)
BEGIN(history_read_at_times, TWIN_SESSION)
BEGIN(history_read_processed, TWIN_SESSION)
BEGIN(history_read_values_next, TWIN_SESSION)
BEGIN(history_read_events, TWIN_SESSION)
BEGIN(history_read_events_next, TWIN_SESSION)
BEGIN(history_stream_values, TWIN_SESSION)
BEGIN(history_stream_modified, TWIN_SESSION)
BEGIN(history_stream_at_times, TWIN_SESSION)
BEGIN(history_stream_processed, TWIN_SESSION)
BEGIN(history_stream_events, TWIN_SESSION)
BEGIN(history_update, TWIN_SESSION)
BEGIN(history_insert_values, TWIN_SESSION)
BEGIN(history_replace_values, TWIN_SESSION)
BEGIN(history_upsert_values, TWIN_SESSION)
BEGIN(history_insert_events, TWIN_SESSION)
BEGIN(history_replace_events, TWIN_SESSION)
BEGIN(history_upsert_events, TWIN_SESSION)
BEGIN(history_delete_values, TWIN_SESSION)
BEGIN(history_delete_modified, TWIN_SESSION)
BEGIN(history_delete_at_times, TWIN_SESSION)
BEGIN(history_delete_events, TWIN_SESSION)
BEGIN(server_capabilities, TWIN_SESSION)
BEGIN(history_capabilities, TWIN_SESSION)
BEGIN(history_configuration, TWIN_SESSION)
BEGIN(metadata, TWIN_SESSION)
BEGIN(browse_stream, TWIN_SESSION)
BEGIN(export_node_set, TWIN_SESSION)
BEGIN(test_connection, TWIN_CONNECTION)
BEGIN(endpoint_certificate, TWIN_ENDPOINT)
BEGIN(file_systems, TWIN_SESSION)
BEGIN(file_directories, TWIN_SESSION)
BEGIN(file_files, TWIN_SESSION)
BEGIN(file_parent, TWIN_SESSION)
BEGIN(file_info, TWIN_SESSION)
BEGIN(file_create, TWIN_SESSION)
BEGIN(file_create_directory, TWIN_SESSION)
BEGIN(file_delete, TWIN_SESSION)
BEGIN(file_delete_in, TWIN_SESSION)
BEGIN(file_download, TWIN_SESSION)
BEGIN(file_upload, TWIN_SESSION)

#define ANY (MODULE_V1 | MODULE_V2 | MODULE_PLAIN)

/* clang-format off */
static const struct module_method methods[] = {
    {"Browse", ANY, begin_browse, 0}, /* browse.c */
    {"BrowseNext", ANY, begin_browse_next, 0}, /* browse.c */
    {"BrowsePath", ANY, begin_browse_path, 0}, /* browse_path.c */
    {"ValueRead", ANY, begin_value_read, 0}, /* value.c */
    {"ValueWrite", ANY, begin_value_write, 0}, /* value.c */
    {"NodeRead", ANY, begin_node_read, 0}, /* attributes.c */
    {"NodeWrite", ANY, begin_node_write, 0}, /* attributes.c */
    {"MethodMetadata", ANY, begin_method_metadata, 0}, /* method_metadata.c */
    {"MethodCall", ANY, begin_method_call, 0}, /* method_call.c */
    {"CompileQuery", ANY, begin_compile_query, 0}, /* compile_query.c */

    {"HistoryRead", ANY, begin_history_read, 0}, /* history_read.c */
    {"HistoryReadNext", ANY, begin_history_read_next, 0},
    {"HistoryReadValues", ANY, begin_history_read_values, 0},
    {"HistoryReadModifiedValues", ANY, begin_history_read_modified, 0},
    {"HistoryReadValuesAtTimes", ANY, begin_history_read_at_times, 0},
    {"HistoryReadProcessedValues", ANY, begin_history_read_processed, 0},
    {"HistoryReadValuesNext", ANY, begin_history_read_values_next, 0},
    {"HistoryReadEvents", ANY, begin_history_read_events, 0},
    {"HistoryReadEventsNext", ANY, begin_history_read_events_next, 0},
    {"HistoryStreamValues", ANY, begin_history_stream_values, STREAM_MS},
    {"HistoryStreamModifiedValues", ANY, begin_history_stream_modified, STREAM_MS},
    {"HistoryStreamValuesAtTimes", ANY, begin_history_stream_at_times, STREAM_MS},
    {"HistoryStreamProcessedValues", ANY, begin_history_stream_processed, STREAM_MS},
    {"HistoryStreamEvents", ANY, begin_history_stream_events, STREAM_MS},

    {"HistoryUpdate", ANY, begin_history_update, 0}, /* history_update.c */
    {"HistoryInsertValues", ANY, begin_history_insert_values, 0}, /* history_values.c */
    {"HistoryReplaceValues", ANY, begin_history_replace_values, 0},
    {"HistoryUpsertValues", ANY, begin_history_upsert_values, 0},
    {"HistoryInsertEvents", ANY, begin_history_insert_events, 0}, /* history_events.c */
    {"HistoryReplaceEvents", ANY, begin_history_replace_events, 0},
    {"HistoryUpsertEvents", ANY, begin_history_upsert_events, 0},
    {"HistoryDeleteValues", ANY, begin_history_delete_values, 0}, /* history_delete.c */
    {"HistoryDeleteModifiedValues", ANY, begin_history_delete_modified, 0},
    {"HistoryDeleteValuesAtTimes", ANY, begin_history_delete_at_times, 0},
    {"HistoryDeleteEvents", ANY, begin_history_delete_events, 0},

    {"GetServerCapabilities", ANY, begin_server_capabilities, 0}, /* capabilities.c */
    {"HistoryGetServerCapabilities", ANY, begin_history_capabilities, 0}, /* capabilities.c */
    {"HistoryGetConfiguration", ANY, begin_history_configuration, 0}, /* history_configuration.c */
    {"GetMetadata", ANY, begin_metadata, 0}, /* metadata.c */
    {"BrowseStream", ANY, begin_browse_stream, STREAM_MS}, /* browse_stream.c */
    {"ExportNodeSet", ANY, begin_export_node_set, STREAM_MS}, /* nodeset.c; not of Azure's */
    {"TestConnection", ANY, begin_test_connection, 0}, /* connection.c */
    {"GetEndpointCertificate", ANY, begin_endpoint_certificate, 0}, /* certificate.c */

    {"GetFileSystems", ANY, begin_file_systems, 0}, /* file_list.c */
    {"GetDirectories", ANY, begin_file_directories, 0},
    {"GetFiles", ANY, begin_file_files, 0},
    {"GetParent", ANY, begin_file_parent, 0},
    {"GetFileInfo", ANY, begin_file_info, 0},
    {"CreateFile", ANY, begin_file_create, 0}, /* file_change.c */
    {"CreateDirectory", ANY, begin_file_create_directory, 0},
    {"DeleteFileSystemObject", ANY, begin_file_delete, 0},
    {"DeleteFileOrDirectory", ANY, begin_file_delete_in, 0},
    {"Download", ANY, begin_file_download, STREAM_MS}, /* file_transfer.c */
    {"Upload", ANY, begin_file_upload, STREAM_MS},
};
/* clang-format on */

const struct module_role_ops twin_role = {
    .type = "supervisor",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
};
