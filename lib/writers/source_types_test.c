/* Values wait for what is in them; the server's types are a list, in the place of opcua/types.c. */
#include "writers/source_priv.h"

#include "opcua/types.h"

#include "base/cmocka.h"

#define KNOWN_MAX 4

/* ---- the server's types ---- */

static struct {
    uint32_t known[KNOWN_MAX]; /* or asked for, and never to be known */
    size_t count;
    struct opcua_types_question asked; /* fn NULL: nothing is */
    uint32_t asked_id;
    size_t questions;
    bool at_once; /* is known when it is asked for */
    uint32_t refused; /* asked for before, and not told for now */
    bool offline;
    struct opcua_session_listener *listener;
} server;

static struct sources sources;
static struct source source;
static unsigned held, released;

static void add(uint32_t id)
{
    assert_true(server.count < KNOWN_MAX);
    server.known[server.count++] = id;
}

static void tell(const UA_DataType *type)
{
    struct opcua_types_question q = server.asked;
    assert_non_null(q.fn);
    server.asked.fn = NULL;
    *q.out = NULL;
    q.fn(q.arg, type);
}

static void answer(void)
{
    add(server.asked_id);
    tell(&UA_TYPES[UA_TYPES_RANGE]);
}

struct opcua_types *opcua_session_types(struct opcua_session *s)
{
    (void)s;
    return (struct opcua_types *)(void *)&server.known[0];
}

enum opcua_session_state opcua_session_state(const struct opcua_session *s)
{
    (void)s;
    return server.offline ? OPCUA_SESSION_WAITING : OPCUA_SESSION_READY;
}

void opcua_session_listen(struct opcua_session *s, struct opcua_session_listener *l)
{
    (void)s;
    assert_null(server.listener);
    server.listener = l;
}

void opcua_session_unlisten(struct opcua_session_listener *l)
{
    if (server.listener == l)
        server.listener = NULL;
}

static void connect_again(void)
{
    struct opcua_session_listener *l = server.listener;
    server.offline = false;
    assert_non_null(l);
    l->on_ready(l->arg, true);
}

bool opcua_types_wanted(const struct opcua_types *t, const UA_Variant *v, UA_NodeId *out)
{
    (void)t;
    const UA_ExtensionObject *o = v->data;
    *out = o->content.encoded.typeId;
    uint32_t n = out->identifier.numeric;
    for (size_t i = 0; i < server.count; i++)
        if (server.known[i] == n)
            return false;
    return n != server.refused || !server.asked.fn || server.asked_id != n;
}

bool opcua_types_was_refused(const struct opcua_types *t, const UA_NodeId *id)
{
    (void)t;
    return server.refused == id->identifier.numeric;
}

void opcua_types_load(struct opcua_types *t, struct opcua_session *s,
                      const struct opcua_types_question *q)
{
    (void)t, (void)s;
    assert_null(server.asked.fn);
    server.asked = *q;
    server.asked_id = q->id->identifier.numeric;
    server.questions++;
    *q->out = (struct opcua_types_load *)&server;
    if (server.at_once)
        answer();
}

void opcua_types_cancel(struct opcua_types_load **l)
{
    if (*l)
        server.asked.fn = NULL;
    *l = NULL;
}

void sources_hold(struct sources *s)
{
    assert_ptr_equal(s, &sources);
    held++;
}

void sources_release(struct sources *s)
{
    assert_ptr_equal(s, &sources);
    released++;
}

/* ---- values ---- */

static UA_ExtensionObject objects[8];
static UA_MonitoredItemNotification values[8];
static UA_EventFieldList events[4];

/* Of these types; 0: a plain number. */
static size_t notify(const uint32_t *types, size_t count)
{
    static UA_Int32 number;
    for (size_t i = 0; i < count; i++) {
        UA_Variant *v = &values[i].value.value;
        objects[i].encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
        objects[i].content.encoded.typeId = UA_NODEID_NUMERIC(2, types[i]);
        if (types[i])
            UA_Variant_setScalar(v, &objects[i], &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
        else
            UA_Variant_setScalar(v, &number, &UA_TYPES[UA_TYPES_INT32]);
    }
    return count;
}

#define KNOWN(...)                                                                                 \
    source_types_are_known(&source, values,                                                        \
                           notify((const uint32_t[]){__VA_ARGS__},                                 \
                                  sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

static int set_up(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    source = (struct source){.owner = &sources};
    held = released = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    source_types_leave(&source);
    assert_int_equal(held, released); /* nobody waits for one that has gone */
    return 0;
}

/* ---- tests ---- */

static void plain_values_do_not_wait(void **state)
{
    (void)state;
    assert_true(KNOWN(0, 0));
    assert_int_equal(server.questions, 0);
    assert_false(source.refused);
}

static void a_value_waits_until_its_type_arrives(void **state)
{
    (void)state;
    assert_false(KNOWN(0, 7));
    assert_true(source.refused); /* it is told again when writers go on */
    assert_int_equal(held, 1);
    assert_false(KNOWN(0, 7)); /* still */
    assert_int_equal(server.questions, 1);
    answer();
    assert_int_equal(released, 1);
    assert_true(KNOWN(0, 7));
    assert_int_equal(server.questions, 1);
}

static void what_is_known_at_once_does_not_wait(void **state)
{
    (void)state;
    server.at_once = true;
    assert_true(KNOWN(7, 8, 9));
    assert_int_equal(server.questions, 3);
    assert_int_equal(held, released);
}

static void two_items_of_one_type_are_one_question(void **state)
{
    (void)state;
    assert_false(KNOWN(7, 7));
    answer();
    assert_true(KNOWN(7, 7));
    assert_int_equal(server.questions, 1);
}

static void one_type_is_asked_for_after_the_other(void **state)
{
    (void)state;
    assert_false(KNOWN(7, 8));
    answer();
    assert_false(KNOWN(7, 8));
    assert_int_equal(server.asked_id, 8);
    answer();
    assert_true(KNOWN(7, 8));
}

/* It has said that it does not describe it: known as that, and not asked again. */
static void a_type_that_is_not_described_is_told_in_its_bytes(void **state)
{
    (void)state;
    assert_false(KNOWN(7));
    add(7);
    tell(NULL);
    assert_true(KNOWN(7));
    assert_int_equal(server.questions, 1);
}

/* The first time it is waited for, later ones are in passing. */
static void what_was_refused_before_is_not_waited_for(void **state)
{
    (void)state;
    server.refused = 7;
    assert_true(KNOWN(7));
    assert_int_equal(server.questions, 1);
    assert_true(KNOWN(7)); /* still asked for */
    assert_int_equal(server.questions, 1);
    assert_int_equal(held, 0);
    assert_false(source.refused);
    answer();
    assert_int_equal(released, 0);
    assert_true(KNOWN(7));
}

static void another_type_meanwhile_waits_for_its_turn(void **state)
{
    (void)state;
    server.refused = 7;
    assert_true(KNOWN(7));
    assert_false(KNOWN(8));
    assert_int_equal(server.questions, 1);
    tell(NULL);
    assert_int_equal(released, 1);
    assert_false(KNOWN(8));
    assert_int_equal(server.asked_id, 8);
    answer();
    assert_true(KNOWN(8));
}

/* Nothing is kept here: the subscription holds what it was not allowed to tell, within its bound.
 */
static void a_source_that_waits_keeps_no_values(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_false(KNOWN(7, 8, 9));
    assert_int_equal(server.questions, 1);
    assert_int_equal(held, 1);
}

static void who_goes_is_not_told(void **state)
{
    (void)state;
    assert_false(KNOWN(7));
    source_types_leave(&source);
    assert_null(server.asked.fn);
    assert_int_equal(released, 1);
}

/* Asked then, it would end at once: the values would be told again, and so without an end. */
static void without_a_connection_values_wait_and_nothing_is_asked(void **state)
{
    (void)state;
    server.offline = true;
    for (int i = 0; i < 3; i++)
        assert_false(KNOWN(7));
    assert_int_equal(server.questions, 0);
    assert_int_equal(held, 1);
    assert_int_equal(released, 0);
    assert_true(source.refused);
    connect_again();
    assert_int_equal(released, 1);
    assert_null(server.listener);
    assert_false(KNOWN(7));
    answer();
    assert_true(KNOWN(7));
    assert_int_equal(server.questions, 1);
}

static void a_question_that_was_lost_is_asked_with_the_next_connection(void **state)
{
    (void)state;
    assert_false(KNOWN(7));
    server.offline = true;
    tell(NULL);
    assert_int_equal(released, 1);
    assert_false(KNOWN(7));
    assert_int_equal(server.questions, 1);
    connect_again();
    assert_false(KNOWN(7));
    answer();
    assert_true(KNOWN(7));
}

static void without_a_connection_what_was_refused_is_not_waited_for(void **state)
{
    (void)state;
    server.offline = true;
    server.refused = 7;
    assert_true(KNOWN(0, 7));
    assert_int_equal(server.questions, 0);
    assert_int_equal(held, 0);
}

static void who_goes_does_not_wait_for_a_connection(void **state)
{
    (void)state;
    server.offline = true;
    assert_false(KNOWN(7));
    source_types_leave(&source);
    assert_null(server.listener);
    assert_int_equal(released, 1);
}

/* What was read in a cycle comes again in the next. */
static void a_cyclic_read_does_not_wait(void **state)
{
    (void)state;
    source.sampler = (struct opcua_sampler *)&server;
    assert_true(KNOWN(7));
    assert_int_equal(server.questions, 1);
}

static void fields_of_events_wait_as_values_do(void **state)
{
    (void)state;
    UA_Variant fields[2][2];
    notify((const uint32_t[]){0, 0, 0, 7}, 4);
    for (size_t i = 0; i < 4; i++)
        fields[i / 2][i % 2] = values[i].value.value;
    for (size_t i = 0; i < 2; i++)
        events[i] = (UA_EventFieldList){.eventFieldsSize = 2, .eventFields = fields[i]};
    assert_false(source_types_of_events_are_known(&source, events, 2));
    assert_true(source.refused);
    answer();
    assert_true(source_types_of_events_are_known(&source, events, 2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(plain_values_do_not_wait),
        TEST(a_value_waits_until_its_type_arrives),
        TEST(what_is_known_at_once_does_not_wait),
        TEST(two_items_of_one_type_are_one_question),
        TEST(one_type_is_asked_for_after_the_other),
        TEST(a_type_that_is_not_described_is_told_in_its_bytes),
        TEST(what_was_refused_before_is_not_waited_for),
        TEST(another_type_meanwhile_waits_for_its_turn),
        TEST(a_source_that_waits_keeps_no_values),
        TEST(who_goes_is_not_told),
        TEST(without_a_connection_values_wait_and_nothing_is_asked),
        TEST(a_question_that_was_lost_is_asked_with_the_next_connection),
        TEST(without_a_connection_what_was_refused_is_not_waited_for),
        TEST(who_goes_does_not_wait_for_a_connection),
        TEST(a_cyclic_read_does_not_wait),
        TEST(fields_of_events_wait_as_values_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
