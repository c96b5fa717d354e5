/*
 * One ExportImportDevice: an item of POST /devices, or a line of devices.txt. Its importMode says
 * what is to happen; what breaks a rule breaks this item alone.
 */
#include "registry/tables.h"

enum { CREATES = 1, UPDATES = 2, DELETES = 4, TWIN = 8, MATCHES = 16 };

static const struct mode {
    const char *name;
    unsigned does;
} modes[] = {
    {"create", CREATES},
    {"createOrUpdate", CREATES | UPDATES},
    {"createOrUpdateIfMatchETag", CREATES | UPDATES | MATCHES},
    {"update", UPDATES},
    {"updateIfMatchETag", UPDATES | MATCHES},
    {"delete", DELETES},
    {"deleteIfMatchETag", DELETES | MATCHES},
    {"updateTwin", TWIN},
    {"updateTwinIfMatchETag", TWIN | MATCHES},
};

#define MODE_OTHERWISE 1 /* createOrUpdate, where an item says nothing */

static const struct mode *mode_of(const struct json *item)
{
    const struct json *said = json_get_nocase(item, "importMode");
    if (said == NULL || json_is(said, JSON_NULL))
        return &modes[MODE_OTHERWISE];
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (slice_eq_nocase(json_string(said), slice_of(modes[i].name)))
            return &modes[i];
    return NULL;
}

bool registry_import_id(const struct json *item, struct iot_id *id)
{
    *id =
        (struct iot_id){json_string(json_get(item, "id")), json_string(json_get(item, "moduleId"))};
    return iot_id_name_ok(id->device) && (id->module.len == 0 || iot_id_name_ok(id->module));
}

/* ---- twins ---- */

static bool has_twin(const struct json *item)
{
    const struct json *desired = json_get(json_get(item, "properties"), "desired");
    return json_is(json_get(item, "tags"), JSON_OBJECT) || json_is(desired, JSON_OBJECT);
}

static enum status check_twin_etag(struct registry_errand *e, const struct json *item,
                                   const struct iot_twin *twin, bool needed)
{
    struct slice wanted = json_string(json_get_nocase(item, "twinETag"));
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(twin->version, etag);
    if (wanted.len == 0 && needed)
        return registry_refuse(e, BAD_ARGUMENT, "the importMode needs twinETag");
    return wanted.len == 0 || slice_eq(wanted, SLICE("*")) || slice_eq(wanted, slice_of(etag))
               ? OK
               : registry_refuse(e, CONFLICT, "the twin has changed: its etag is another one");
}

static enum status change_twin(struct store_table *t, struct registry_errand *e,
                               const struct json *item, enum iot_twin_how how, bool etag_needed)
{
    struct iot_twin twin = {0};
    struct iot_twin_change made = {0};
    enum status s = registry_twin_load(t, &e->arena, e->ask.id, &twin);
    if (s == OK)
        s = check_twin_etag(e, item, &twin, etag_needed);
    const struct iot_twin before = twin;
    if (s == OK)
        s = iot_twin_update(&twin, &e->registry->limits->twin, &e->arena, item, how, e->now_ms,
                            &made, &e->answer.text);
    if (s == OK && (made.tags || made.desired))
        s = registry_twin_store(t, e->ask.id, &before, &twin);
    if (s == OK)
        registry_announce_update(&e->announcements, e->registry, &e->arena, e->ask.id, &twin, item,
                                 &made, how, e->now_ms);
    e->tell_desired = s == OK && made.desired;
    e->desired_patch = made.desired_patch;
    e->desired_version = twin.desired.version;
    return s;
}

/* A new twin begins with all that the item has, what the device once reported too. A device whose
 * twin breaks a rule is made without it, as IoT Hub does. */
static enum status begin_twin(struct store_table *t, struct registry_errand *e,
                              const struct json *item)
{
    struct iot_twin twin = iot_twin_new(&e->arena, e->now_ms), before = twin;
    const struct iot_twin_limits *limits = &e->registry->limits->twin;
    const struct json *reported = json_get(json_get(item, "properties"), "reported");
    struct iot_twin_change made = {0};
    enum status s = OK;
    if (has_twin(item))
        s = iot_twin_update(&twin, limits, &e->arena, item, IOT_TWIN_MERGE, e->now_ms, &made,
                            &e->answer.warning);
    if (s == OK && json_is(reported, JSON_OBJECT) && json_count(reported))
        s = iot_twin_report(&twin, limits, &e->arena, reported, e->now_ms, &e->answer.warning);
    return s == OK ? registry_twin_store(t, e->ask.id, &before, &twin) : OK;
}

/* ---- what the mode says ---- */

static enum status carry_out(struct store_table *t, struct registry_errand *e,
                             const struct json *item, unsigned does)
{
    struct registry_row row;
    enum status s = registry_row_get(t, e->ask.id, &row);
    bool there = s == OK;
    if (s != OK && s != NOT_FOUND)
        return s;
    if (there) {
        registry_row_keep(&e->arena, &row);
        store_reset(t, SQL_IDENTITY_GET);
    }
    if (!there) {
        s = does & CREATES ? registry_identity_create(t, e, item) : NOT_FOUND;
        return s == OK ? begin_twin(t, e, item) : s;
    }
    if (does & TWIN)
        return change_twin(t, e, item, IOT_TWIN_MERGE, does & MATCHES);
    if (does & DELETES)
        return registry_identity_delete.run(t, e);
    if (!(does & UPDATES))
        return registry_refuse(e, EXISTS, "it exists already");
    s = registry_identity_update(t, e, item, &row);
    return s == OK && does & CREATES && has_twin(item)
               ? change_twin(t, e, item, IOT_TWIN_REPLACE, false)
               : s;
}

static enum status run(struct store_table *t, struct registry_errand *e, const struct json *item)
{
    struct iot_id id;
    const struct mode *mode = mode_of(item);
    if (!registry_import_id(item, &id))
        return registry_refuse(e, BAD_ARGUMENT,
                               "id and moduleId must be ids of a device and of a module");
    if (mode == NULL)
        return registry_refuse(e, BAD_ARGUMENT, "importMode is none of IoT Hub's");
    e->ask.if_match = SLICE("*");
    if ((mode->does & MATCHES) && !(mode->does & TWIN)) {
        e->ask.if_match = arena_copy(&e->arena, json_string(json_get_nocase(item, "eTag")));
        if (e->ask.if_match.len == 0)
            return registry_refuse(e, BAD_ARGUMENT, "the importMode needs eTag");
    }
    return carry_out(t, e, item, mode->does);
}

static enum status run_import(struct store_table *t, struct registry_errand *e)
{
    struct json_doc *doc = NULL;
    if (json_parse(e->ask.body, JSON_STRICT, &doc, NULL) != OK ||
        !json_is(json_root(doc), JSON_OBJECT)) {
        json_free(&doc);
        return registry_refuse(e, BAD_FORMAT, "an item must be a JSON object");
    }
    enum status s = run(t, e, json_root(doc));
    json_free(&doc);
    return s;
}

/* ---- what can be asked ---- */

const struct registry_work registry_import = {run_import, IOT_DEVICE, .changes = true};
