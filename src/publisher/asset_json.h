/* Entries of assets, as they are answered and kept: the caller's entry with the asset's id, name
 * and variables. Pure. */
#pragma once

#include "publisher/asset.h"
#include "json/write.h"

/* DataSetWriterId is the asset's `id`, none when it is empty; DataSetName is `name`, the entry's
 * own when it is empty. The nodes are the variables of `results`: their fields are named after the
 * asset and unique, they are displayed by their browse names. */
void asset_put_entry(struct json_writer *w, const struct json *entry, struct slice id,
                     struct slice name, const struct expand_result *results, size_t count);

/* [{"result": entry, "errorInfo": …}, …]: one for each asset that was listed. */
void asset_put_list(struct json_writer *w, const struct json *entry, const struct asset_work *work);
