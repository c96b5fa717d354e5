/* Inside of an AMQP connection: what connection.c, sasl.c, session.c, link.c and transfer.c share.
 */
#pragma once

#include "amqp/connection.h"
#include "base/list.h"

enum { FRAME_AMQP = 0, FRAME_SASL = 1 };
enum { TRANSFER_BYTES_MAX = 96 }; /* frame header and performative of a transfer */

enum connection_state {
    EXPECT_HEADER,      /* the peer's first 8 bytes → EXPECT_SASL, EXPECT_OPEN */
    EXPECT_SASL,        /* SASL frames → SASL_DECIDING, EXPECT_AMQP_HEADER, ENDED */
    SASL_DECIDING,      /* the server's application thinks → EXPECT_AMQP_HEADER, ENDED */
    EXPECT_AMQP_HEADER, /* after SASL → EXPECT_OPEN */
    EXPECT_OPEN,        /* → OPENED, ENDED */
    OPENED,             /* → CLOSING, ENDED */
    CLOSING,            /* our close is out → ENDED */
    ENDED,
};

struct amqp_connection {
    bool client;
    char *container_id, *hostname;
    const char *const *mechanisms;
    struct buffer sasl_response;
    uint64_t idle_ms;
    uint32_t message_max;
    const struct amqp_events *events;
    void *arg;

    enum connection_state state;
    bool open_sent, gathered;
    bool in_input;  /* amqp_connection_in() runs and will flush */
    unsigned depth; /* of calls into the engine; at 0 the dead are freed */
    bool doomed;    /* amqp_connection_free() came from a callback */
    uint64_t now_ms, heard_ms, spoke_ms;
    uint32_t peer_frame_max, peer_channel_max;
    uint64_t peer_idle_ms;
    struct buffer in;                      /* an incomplete frame */
    struct amqp_session **local, **remote; /* by channel */
    unsigned local_count, remote_count;
    unsigned channels_used; /* by the peer, from 0 on: those below had a session once */
    unsigned links;
    size_t partial_bytes, partial_max;
    struct list dirty; /* sessions with something for flush */
    struct list dead_sessions, dead_links;
};

struct unsettled {
    uint32_t id;
    bool done;
    struct amqp_link *link;
    uint64_t token;
};

struct amqp_session {
    struct amqp_connection *connection;
    struct link node; /* in dirty or dead_sessions */
    uint16_t channel;
    int remote_channel; /* -1: the peer has not begun it yet */
    bool end_sent;      /* waits for the peer's end; frames are ignored */
    uint32_t next_incoming_id, incoming_window;
    uint32_t next_outgoing_id, remote_window, next_delivery_id;
    bool flow_due;
    uint32_t peer_handle_max;
    struct amqp_link **local, **remote; /* by handle */
    unsigned local_count, remote_count;
    struct list flows; /* links that owe a flow */
    /* Deliveries to settle with one frame: first … first + count - 1. */
    uint32_t settle_first, settle_count;
    enum amqp_outcome settle_outcome;
    /* Ours that the peer has not settled, by rising id; those in the middle that are done stay
     * until their turn. */
    struct unsettled *unsettled;
    unsigned unsettled_start, unsettled_end, unsettled_cap, unsettled_live;
    bool blocked; /* a link waits for the session's window */
};

enum link_state {
    LINK_ASKED,    /* the peer attached, the application has not answered → ATTACHED, DETACHED */
    LINK_ASKING,   /* we attached → ATTACHED, DETACHED */
    LINK_ATTACHED, /* → DETACHED */
    LINK_DETACHED, /* our detach is out, the peer's not in; frames are ignored */
};

struct amqp_link {
    struct amqp_session *session;
    struct link node;      /* in dead_links */
    struct link flow_node; /* in the session's flows */
    void *arg;
    enum link_state state;
    struct slice name;   /* in `asked` */
    struct buffer asked; /* what the peer's attach said, until it is answered; the name stays */
    bool sends;
    bool attach_received;
    int send_settle;
    uint32_t handle;
    int64_t remote_handle; /* AMQP_ABSENT: not known */
    uint32_t delivery_count, credit;
    uint64_t peer_message_max; /* 0: none */
    /* sender */
    bool drain, waiting;
    struct buffer rest; /* of a message that met a closed session window */
    size_t rest_at;
    uint32_t rest_id;
    bool rest_settled;
    /* receiver */
    uint32_t window, unsettled;
    bool partial, partial_settled;
    uint32_t partial_id, partial_format;
    uint8_t partial_tag[AMQP_TAG_MAX];
    uint8_t partial_tag_len;
    struct buffer partial_bytes;
};

#define EVENT(c, name, ...)                                                                        \
    do {                                                                                           \
        if ((c)->events->name)                                                                     \
            (c)->events->name((c)->arg, ##__VA_ARGS__);                                            \
    } while (0)

/* ---- connection.c ---- */

void engine_enter(struct amqp_connection *c);
void engine_leave(struct amqp_connection *c); /* the connection may be gone afterwards */

/* A frame: begin, append the performative and payload, end. */
struct buffer *engine_frame_begin(struct amqp_connection *c, uint8_t type, uint16_t channel,
                                  size_t *at);
void engine_frame_end(struct amqp_connection *c, struct buffer *b, size_t at);

void engine_gathered(struct amqp_connection *c);
/* Closes with an error of the peer's making. */
void engine_fail(struct amqp_connection *c, const char *condition, const char *description);
void engine_closed(struct amqp_connection *c, enum status why, const struct amqp_error *error);
/* The error encoded into `into`, or an empty slice. */
struct slice engine_error(struct buffer *into, const struct amqp_error *e);
struct amqp_error engine_error_read(struct slice encoded);

/* ---- sasl.c ---- */

void sasl_start(struct amqp_connection *c); /* both have sent the SASL header */
void sasl_frame(struct amqp_connection *c, struct slice performative);
void sasl_decided(struct amqp_connection *c, enum status outcome);

/* ---- session.c ---- */

void session_on_begin(struct amqp_connection *c, uint16_t channel, const struct amqp_begin *b);
void session_on_end(struct amqp_session *s, const struct amqp_end *e);
void session_on_disposition(struct amqp_session *s, const struct amqp_disposition *d);
void session_on_flow(struct amqp_session *s, const struct amqp_flow *f);
void session_fail(struct amqp_session *s, const char *condition, const char *description);
void session_write_flow(struct amqp_session *s, struct amqp_link *l /* or NULL */, bool drain);
void session_dirty(struct amqp_session *s);
void session_flush(struct amqp_session *s);
void session_settle(struct amqp_session *s, uint32_t id, const struct amqp_state *state);
bool session_unsettled_add(struct amqp_session *s, uint32_t id, struct amqp_link *l,
                           uint64_t token);
void session_unsettled_forget(struct amqp_session *s, const struct amqp_link *l);
void amqp_session_free(struct amqp_session *s); /* with its links, now */

/* ---- link.c ---- */

void link_on_attach(struct amqp_session *s, const struct amqp_attach *a, struct slice encoded);
void link_on_detach(struct amqp_session *s, const struct amqp_detach *d);
void link_on_flow(struct amqp_link *l, const struct amqp_flow *f);
void link_fail(struct amqp_link *l, const char *condition, const char *description);
void link_bury(struct amqp_link *l); /* out of the tables, freed when the engine is left */
void link_free(struct amqp_link *l);
void link_owes_flow(struct amqp_link *l);

/* ---- transfer.c ---- */

void transfer_in(struct amqp_session *s, const struct amqp_transfer *t, struct slice payload);
void transfer_resume(struct amqp_session *s); /* the session's window has opened */
void transfer_top_up(struct amqp_link *l);    /* more credit, when it is due */
