/*
 * An AMQP 1.0 connection, either end of it. Pure: bytes go in, callbacks come out, bytes to be sent
 * are appended to a buffer that the owner names, and time is what the owner says it is. Sessions
 * and links live inside and are freed by it; link.h has what is done with them.
 *
 * Callbacks are made from amqp_connection_in(), _tick() and _sasl() only, and may call everything
 * here but those three. A message that came in one frame is handed on without a copy. Dispositions
 * and flows gather until amqp_connection_flush(), which _in() calls at its end; on_gathered() asks
 * for it when they were made at another time.
 *
 * Bounds: AMQP_FRAME_MAX for what is kept of a frame, message_max for each link's and
 * AMQP_PARTIAL_MAX for all half-received messages together, AMQP_CHANNEL_MAX, AMQP_HANDLE_MAX,
 * AMQP_LINKS_MAX, AMQP_UNSETTLED_MAX. A peer that goes beyond them is told so in a close, end or
 * detach.
 */
#pragma once

#include "amqp/composite.h"

#define AMQP_FRAME_MAX 65536u
#define AMQP_CHANNEL_MAX 1023u    /* sessions, less one */
#define AMQP_HANDLE_MAX 255u      /* links of a session, less one */
#define AMQP_LINKS_MAX 4096u      /* of a connection */
#define AMQP_SESSION_WINDOW 2048u /* transfer frames that a peer may send ahead */
#define AMQP_UNSETTLED_MAX 8192u  /* of ours in a session that the peer has not settled */
#define AMQP_PARTIAL_MAX (16u << 20)
#define AMQP_IDLE_MS_MIN 500u /* that a peer may ask for: we would do little but send empty frames */
#define AMQP_TAG_MAX 32u /* part 2, section 2.8.7 */

struct amqp_connection;
struct amqp_session;
struct amqp_link;

struct amqp_delivery {
    uint32_t id; /* for amqp_link_settle() */
    uint32_t format;
    bool settled; /* by the sender: nothing to settle */
    struct slice tag;
    struct slice bytes; /* the message, until the callback returns */
};

/* All but output may be NULL. */
struct amqp_events {
    /* Where bytes are to be appended, now. They may be sent as soon as the callback or call is
     * over. */
    struct buffer *(*output)(void *arg);
    /* Something waits for amqp_connection_flush(). Once, until that was called. */
    void (*on_gathered)(void *arg);
    /* Server. OK, UNAUTHORIZED, or AGAIN: then amqp_connection_sasl() answers later. NULL: all are
     * OK. */
    enum status (*on_sasl)(void *arg, struct slice mechanism, struct slice response);
    /* The peer's open came, and ours is written. A client begins its sessions here. */
    void (*on_open)(void *arg, const struct amqp_open *peer);
    /* The peer wants a link: amqp_link_accept() or amqp_link_refuse(), now or later. For a link
     * that we asked for: the peer's answer; one without a source or target is about to be detached.
     */
    void (*on_attach)(void *arg, struct amqp_link *l, const struct amqp_attach *peer);
    void (*on_transfer)(void *arg, struct amqp_link *l, const struct amqp_delivery *d);
    /* A link of ours to send on may be able to send, or has to drain. */
    void (*on_credit)(void *arg, struct amqp_link *l);
    /* What became of an unsettled message that amqp_link_send() took with `token`. Once for each.
     */
    void (*on_settled)(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state);
    /* The peer or an error ended the link; unsettled messages of it will not be told of. The link
     * is gone after this call. Not called for links that amqp_link_detach() or _refuse() ended. */
    void (*on_detach)(void *arg, struct amqp_link *l, const struct amqp_error *why);
    /* The session is over, after the on_detach of its links. */
    void (*on_end)(void *arg, struct amqp_session *s, const struct amqp_error *why);
    /* The last call: CLOSED in order (also with an error that the peer names), BAD_FORMAT,
     * UNAUTHORIZED (SASL), TIMED_OUT. All sessions and links are over without further calls. What
     * is in the output should still be sent. `why->condition` is empty without an error. */
    void (*on_close)(void *arg, enum status status, const struct amqp_error *why);
};

struct amqp_connection_config {
    bool client;
    const char *container_id;
    const char *hostname; /* of a client's open; NULL for a server */
    const char *const *
        mechanisms; /* NULL-terminated. Server: offered. Client: the first is used. NULL: no SASL */
    struct slice sasl_response; /* client's initial response; at == NULL: none */
    uint64_t idle_ms; /* a peer that is silent for so long is closed; half of it is announced. 0:
                         never */
    uint32_t message_max;             /* bytes of a message that is received; 0: 1 MiB */
    const struct amqp_events *events; /* outlives the connection */
    void *arg;
};

/* Copies the configuration but for mechanisms and events. A client writes its first header to the
 * output at once. */
struct amqp_connection *amqp_connection_new(const struct amqp_connection_config *config,
                                            uint64_t now_ms);
/* Also inside a callback. No callbacks. */
void amqp_connection_free(struct amqp_connection **c);

/* Takes all bytes. Ignored after on_close. */
void amqp_connection_in(struct amqp_connection *c, struct slice bytes, uint64_t now_ms);
void amqp_connection_flush(struct amqp_connection *c);
/* Sends an empty frame when one is due, closes when the peer was silent. Returns the time at which
 * it wants to be called again, or UINT64_MAX. */
uint64_t amqp_connection_tick(struct amqp_connection *c, uint64_t now_ms);

/* How much the peer may have us keep of half-received messages, of all links together: AMQP_PARTIAL_MAX
 * until it is called. */
void amqp_connection_trust(struct amqp_connection *c, size_t partial_max);

/* Answers an on_sasl that returned AGAIN. */
void amqp_connection_sasl(struct amqp_connection *c, enum status outcome);

/* Writes a close; on_close(CLOSED) comes with the peer's answer. Whoever does not trust that has a
 * timer. */
void amqp_connection_close(struct amqp_connection *c, const struct amqp_error *why /* or NULL */);

/* Client, in or after on_open. FULL: no channel left. */
CHECKED enum status amqp_session_begin(struct amqp_connection *c, struct amqp_session **out);
/* No on_detach and no on_end follow. */
void amqp_session_end(struct amqp_session *s, const struct amqp_error *why /* or NULL */);
