/* The direct methods of the twin, each in the file named in methods.c. They run on the OPC UA
 * thread. */
#pragma once

#include "twin/request.h"

twin_run_fn twin_browse, twin_browse_next, twin_browse_path;
twin_run_fn twin_value_read, twin_value_write;
twin_run_fn twin_node_read, twin_node_write;
twin_run_fn twin_method_metadata, twin_method_call;
twin_run_fn twin_compile_query;

twin_run_fn twin_history_read, twin_history_read_next;
twin_run_fn twin_history_read_values, twin_history_read_modified, twin_history_read_at_times;
twin_run_fn twin_history_read_processed, twin_history_read_values_next;
twin_run_fn twin_history_read_events, twin_history_read_events_next;
twin_run_fn twin_history_stream_values, twin_history_stream_modified;
twin_run_fn twin_history_stream_at_times, twin_history_stream_processed;
twin_run_fn twin_history_stream_events;

twin_run_fn twin_history_update;
twin_run_fn twin_history_insert_values, twin_history_replace_values, twin_history_upsert_values;
twin_run_fn twin_history_insert_events, twin_history_replace_events, twin_history_upsert_events;
twin_run_fn twin_history_delete_values, twin_history_delete_modified;
twin_run_fn twin_history_delete_at_times, twin_history_delete_events;

twin_run_fn twin_server_capabilities, twin_history_capabilities, twin_history_configuration;
twin_run_fn twin_metadata, twin_browse_stream, twin_export_node_set;
twin_run_fn twin_test_connection, twin_endpoint_certificate;

twin_run_fn twin_file_systems, twin_file_directories, twin_file_files, twin_file_parent;
twin_run_fn twin_file_info, twin_file_create, twin_file_create_directory;
twin_run_fn twin_file_delete, twin_file_delete_in, twin_file_download, twin_file_upload;

extern const struct module_role_ops twin_role;
