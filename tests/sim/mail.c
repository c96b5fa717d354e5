/* Messages to a device that is connected to the hub itself: services send, it takes and acknowledges. What was
 * accepted comes in the end, at least once, unless the hub counts it as dead. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "sim/world.h"

struct world_mail {
    struct world *world;
    struct loop *loop;
    struct device_client *client;
    struct loop_timer next;
    uint64_t sent, doubles;
    struct world_set accepted, got;
};

/* ---- the device ---- */

static void on_message(void *arg, const struct iot_message *m)
{
    struct world_mail *mail = arg;
    uint64_t number;
    if (!slice_to_u64(m->body, &number) || number == 0 || number > mail->sent)
        world_wrong(mail->world, "robot: a message that nobody sent: %.*s", SLICE_FMT(m->body));
    else if (!world_set_add(&mail->got, number))
        mail->doubles++;
}

static const struct device_client_events events = {.on_message = on_message};

static void start_device(struct world_mail *mail)
{
    mail->loop = sim_loop_new(mail->world->sim, "edge"); /* its link to the hub is cut with the edge's */
    mail->client = device_client_new(&(struct device_client_config){
        .loop = mail->loop,
        .host = "hub",
        .port = WORLD_MQTT_PORT,
        .device_id = "robot",
        .key = WORLD_MODULE_KEY,
        .events = &events,
        .arg = mail,
    });
}

static void stop_device(struct world_mail *mail)
{
    device_client_free(&mail->client);
    loop_free(&mail->loop);
}

void world_mail_restart(struct world *w)
{
    w->count.kills++;
    sim_loop_kill(w->mail->loop);
    stop_device(w->mail);
    start_device(w->mail);
}

/* ---- the services ---- */

struct sending {
    struct world_mail *mail;
    uint64_t number;
};

static void on_accepted(void *arg, enum status why, const char *text)
{
    struct sending *s = arg;
    (void)text;
    if (why == OK)
        world_set_add(&s->mail->accepted, s->number);
    else if (why != FULL)
        world_wrong(s->mail->world, "message %llu to the robot: %s", (unsigned long long)s->number,
                    status_name(why));
    free(s);
}

static void send_next(void *arg)
{
    struct world_mail *mail = arg;
    struct world *w = mail->world;
    if (w->quiet)
        return;
    char body[24];
    struct sending *s = MEMORY_NEW(struct sending);
    *s = (struct sending){mail, ++mail->sent};
    int len = snprintf(body, sizeof(body), "%llu", (unsigned long long)s->number);
    c2d_send(w->registry, w->service, SLICE("robot"),
             &(struct iot_message){.body = slice_from(body, (size_t)len)}, C2D_ACK_NONE,
             on_accepted, s);
    loop_timer_start(w->service, &mail->next, 100 + sim_below(w->sim, 3000), send_next, mail);
}

/* ---- the books ---- */

static uint64_t missing(const struct world_mail *mail)
{
    uint64_t count = 0;
    for (uint64_t n = 1; n <= mail->sent; n++)
        count += world_set_has(&mail->accepted, n) && !world_set_has(&mail->got, n);
    return count;
}

bool world_mail_settled(const struct world *w)
{
    struct registry_messages c = c2d_count(w->registry);
    return c.waiting == 0 && missing(w->mail) <= c.dead;
}

void world_mail_check(struct world *w)
{
    struct registry_messages c = c2d_count(w->registry);
    if (c.sent != w->mail->accepted.count)
        world_wrong(w, "the hub has taken %llu messages to the robot, and said so of %llu",
                    (unsigned long long)c.sent, (unsigned long long)w->mail->accepted.count);
    if (c.completed + c.dead + c.waiting != c.sent)
        world_wrong(w, "of %llu messages to the robot %llu are completed, %llu dead, %llu wait",
                    (unsigned long long)c.sent, (unsigned long long)c.completed,
                    (unsigned long long)c.dead, (unsigned long long)c.waiting);
    if (!world_mail_settled(w))
        world_wrong(w, "%llu messages to the robot never came", (unsigned long long)missing(w->mail));
}

/* ---- life ---- */

void world_mail_start(struct world *w)
{
    struct world_mail *mail = w->mail = MEMORY_NEW(struct world_mail);
    mail->world = w;
    start_device(mail);
    loop_timer_start(w->service, &mail->next, 1000, send_next, mail);
}

void world_mail_free(struct world *w)
{
    loop_timer_stop(&w->mail->next);
    stop_device(w->mail);
    world_set_clear(&w->mail->accepted);
    world_set_clear(&w->mail->got);
    free(w->mail);
}
