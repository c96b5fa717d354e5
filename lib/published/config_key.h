/*
 * When two entries are the same writer group or the same data set, and two nodes the same node: as
 * bytes that are equal then. They hold what the file says, by the tables of config_table.h; what it
 * does not say takes no room.
 */
#pragma once

#include "base/buffer.h"
#include "published/config_field.h"

/* Appends what of an entry takes part so. `loose`: a flag that says no is as good as absent, as the
 * API has it; the plan's are not, for the program's default may say yes. */
void config_entry_key(const struct config_entry *e, enum field_part part, bool loose,
                      struct buffer *out);
void config_node_key(const struct config_node *n, bool loose, struct buffer *out);
