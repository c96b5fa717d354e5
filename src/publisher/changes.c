#include "publisher/changes.h"

#include "json/write.h"

/* How their names begin; the longer exceptions stand first. */
static const struct name {
    const char *begin;
    bool changes;
} names[] = {
    {"PublishList", false},
    {"Publish", true},
    {"Unpublish", true},
    {"Add", true},
    {"Approve", true},
    {"Create", true},
    {"Delete", true},
    {"Discover", true},
    {"ExpandAndCreate", true},
    {"GetApiKey", true},
    {"HistoryDelete", true},
    {"HistoryInsert", true},
    {"HistoryReplace", true},
    {"HistoryUpdate", true},
    {"HistoryUpsert", true},
    {"MethodCall", true},
    {"NodeWrite", true},
    {"Register", true},
    {"Remove", true},
    {"Reset", true},
    {"Set", true},
    {"Shutdown", true},
    {"Upload", true},
    {"ValueWrite", true},
};

bool changes_by(struct slice method)
{
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct slice begin = slice_of(names[n].begin);
        if (method.len >= begin.len && slice_eq_nocase(slice_first(method, begin.len), begin))
            return names[n].changes;
    }
    return false;
}

static struct audit_entry entry_of(const char *event, const struct module_call *c)
{
    return (struct audit_entry){
        .event = event, .call = slice_of(module_call_id(c)), .who = slice_of(module_call_who(c))};
}

static void on_call(void *arg, const struct module_call *c)
{
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    if (!changes_by(module_call_name(c)))
        return;
    if (module_call_payload(c))
        json_put_value(&w, module_call_payload(c));
    struct audit_entry e = entry_of("asked", c);
    e.operation = module_call_name(c);
    e.body = buffer_slice(&payload);
    audit_put(arg, &e);
    buffer_wipe(&payload); /* passwords may stand in it */
}

static void on_answer(void *arg, const struct module_call *c, int status)
{
    struct audit_entry e = entry_of("answered", c);
    const struct module_change change = module_call_change(c);
    e.status = status;
    e.old = change.old;
    e.response = change.result;
    if (changes_by(module_call_name(c)))
        audit_put(arg, &e);
}

void changes_watch(struct module *m, struct audit *audit)
{
    module_watch(
        m, &(struct module_witness){.on_call = on_call, .on_answer = on_answer, .arg = audit});
}
