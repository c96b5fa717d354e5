#include "publisher/expand_json.h"

void expand_put_rest(struct json_writer *w, const struct json *entry, struct slice also)
{
    for (struct json_walk m = json_walk(entry); json_next(&m);)
        if (!slice_eq_nocase(m.name, SLICE("OpcNodes")) &&
            !slice_eq_nocase(m.name, SLICE("DataSetWriterId")) &&
            !(also.len && slice_eq_nocase(m.name, also)))
            json_name_slice(w, m.name), json_put_value(w, m.value);
}

void expand_put_node(struct json_writer *w, struct slice id, struct slice field,
                     struct slice display_name)
{
    json_object(w);
    json_name(w, "Id"), json_put_string(w, id);
    json_member(w, "DataSetFieldId", field);
    json_member(w, "DisplayName", display_name);
    json_end_object(w);
}
