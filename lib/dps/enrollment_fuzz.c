/* Enrolments as a service sends them: what is taken is written so that it reads back the same. */
#include <stdlib.h>

#include "dps/enrollment.h"
#include "dps/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void put(const struct dps_enrollment *e, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    dps_enrollment_put(e, true, &w);
    json_end_object(&w);
}

static void check(enum dps_kind kind, const struct json *document, struct arena *a)
{
    struct dps_enrollment e, again;
    struct json_doc *doc = NULL;
    struct buffer first = {0}, second = {0};
    const char *why;
    if (dps_enrollment_read(kind, document, NULL, a, &e, &why) != OK)
        return;
    put(&e, &first);
    if (json_parse(buffer_slice(&first), JSON_STRICT, &doc, NULL) != OK ||
        dps_enrollment_read(kind, json_root(doc), NULL, a, &again, &why) != OK)
        abort();
    put(&again, &second);
    if (!slice_eq(buffer_slice(&first), buffer_slice(&second)))
        abort();
    json_free(&doc);
    buffer_clear(&first);
    buffer_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct slice text = slice_from(at, len);
    struct arena a = {0};
    struct json_doc *doc;
    struct dps_query q;
    const char *why;
    if (dps_query_parse(text, "enrollments", &a, &q, &why) == OK)
        (void)dps_query_takes(&q, SLICE("{\"registrationId\":\"a\"}"), &a);
    if (len <= DPS_ENROLLMENT_MAX && json_parse(text, JSON_STRICT, &doc, NULL) == OK) {
        check(DPS_INDIVIDUAL, json_root(doc), &a);
        check(DPS_GROUP, json_root(doc), &a);
        json_free(&doc);
    }
    arena_clear(&a);
    return 0;
}
