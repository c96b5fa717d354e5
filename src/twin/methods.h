/* The direct methods of the twin, each in the file named in methods.c. They run on the OPC UA
 * thread. */
#pragma once

#include "twin/request.h"

twin_run_fn twin_browse, twin_browse_next, twin_browse_path;
twin_run_fn twin_value_read, twin_value_write;
twin_run_fn twin_node_read, twin_node_write;
twin_run_fn twin_method_metadata, twin_method_call;
twin_run_fn twin_compile_query;

extern const struct module_role_ops twin_role;
