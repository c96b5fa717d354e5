/*
 * The publisher's direct methods, by their published names: a table for client/module.h. The same
 * methods are behind the paths of the module's HTTP API (publisher/api_routes.c), the start-up file
 * and calls in pieces.
 */
#pragma once

#include "client/module.h"

extern const struct module_method publisher_methods[];
extern const size_t publisher_methods_count;
