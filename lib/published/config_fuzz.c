#include "published/config_document.h"
#include "published/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void print_findings(const struct config *c)
{
    struct buffer out = {0};
    for (size_t i = 0; i < c->finding_count; i++)
        config_finding_print(&c->findings[i], "f", &out);
    buffer_clear(&out);
}

static void make_plan(const struct config *c)
{
    static const struct plan_defaults defaults = {.publisher_id = "p",
                                                  .mode = MODE_SAMPLES,
                                                  .encoding = ENCODING_JSON,
                                                  .nodes_per_writer = 3};
    struct plan p;
    plan_make(c, &defaults, &p);
    plan_clear(&p);
}

/* What is written back says the same. */
static void write_back(struct slice text, const struct config *c)
{
    struct document d;
    struct config again;
    struct buffer out = {0};
    if (document_read(text, NULL, &d) != OK)
        __builtin_trap();
    document_write(&d, 1, &out);
    if (config_read(buffer_slice(&out), &again) != OK || again.entry_count != c->entry_count ||
        again.node_count != c->node_count || again.refused != c->refused)
        __builtin_trap();
    config_clear(&again);
    buffer_clear(&out);
    document_clear(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct config c;
    enum status s = config_read(slice_from(at, len), &c);
    if (s != OK && (c.entry_count != 0 || c.finding_count != 1))
        __builtin_trap();
    print_findings(&c);
    make_plan(&c);
    if (s == OK)
        write_back(slice_from(at, len), &c);
    config_clear(&c);
    return 0;
}
