#include "twin/methods.h"

#define BEGIN(run)                                                                                 \
    static void begin_##run(struct module_call *c)                                                 \
    {                                                                                              \
        twin_request_begin(c, twin_##run);                                                         \
    }

BEGIN(browse)
BEGIN(browse_next)
BEGIN(browse_path)
BEGIN(value_read)
BEGIN(value_write)
BEGIN(node_read)
BEGIN(node_write)
BEGIN(method_metadata)
BEGIN(method_call)
BEGIN(compile_query)

#define ANY (MODULE_V1 | MODULE_V2 | MODULE_PLAIN)

static const struct module_method methods[] = {
    {"Browse", ANY, begin_browse},          /* browse.c */
    {"BrowseNext", ANY, begin_browse_next}, /* browse.c */
    {"BrowsePath", ANY, begin_browse_path}, /* browse_path.c */
    {"ValueRead", ANY, begin_value_read},   /* value.c */
    {"ValueWrite", ANY, begin_value_write}, /* value.c */
    {"NodeRead", ANY, begin_node_read},     /* attributes.c */
    {"NodeWrite", ANY, begin_node_write},
    {"MethodMetadata", ANY, begin_method_metadata}, /* method_metadata.c */
    {"MethodCall", ANY, begin_method_call},         /* method_call.c */
    {"CompileQuery", ANY, begin_compile_query},     /* compile_query.c */
};

const struct module_role_ops twin_role = {
    .type = "supervisor",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
};
