/* What was found for an entry, as JSON of an entry: publisher/methods_expand.h,
 * publisher/asset_json.h. */
#pragma once

#include "json/json.h"
#include "json/write.h"

/* The members of an entry but for "OpcNodes", "DataSetWriterId", and `also`, which may be empty. */
void expand_put_rest(struct json_writer *w, const struct json *entry, struct slice also);

/* {"Id", "DataSetFieldId", "DisplayName"}; without the last when it is empty. */
void expand_put_node(struct json_writer *w, struct slice id, struct slice field,
                     struct slice display_name);
