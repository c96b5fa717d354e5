/* The page on which people try the operations: served by document_routes.c, needs no other place.
 */
#pragma once

extern const char services_explorer_page[], services_explorer_style[], services_explorer_script[];
