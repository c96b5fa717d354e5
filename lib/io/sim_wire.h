/*
 * A simulated connection: two ends, and the packets on their way to each. It outlives the streams
 * at its ends by what they have left to say to each other. sim_wire.c has the packets, sim_stream.c
 * the streams.
 */
#pragma once

#include "io/sim_priv.h"
#include "io/stream_layer.h"

#define SIM_RETRY_US 200000 /* a packet over a link that is down is sent again after so long */

enum packet_kind { PACKET_OPEN, PACKET_BYTES, PACKET_END, PACKET_RESET };

struct sim_stream;

struct sim_end {
    struct sim_wire *wire;
    struct sim_stream *stream; /* NULL when it has closed, or not been accepted yet */
    struct sim_host *host;
    bool silent;         /* its machine has gone, without a word */
    bool given_up;       /* the other end's machine sends it nothing more */
    struct list packets; /* to this end, in the order of their arrival */
    struct sim_event arrival;
    uint64_t busy_until_us, last_due_us;
    size_t unread; /* what this end has sent and the other not read yet */
    size_t read;   /* what the other end has read, on its way back to this one */
    struct sim_event acknowledgement;
};

struct sim_wire {
    struct sim *sim;
    uint64_t id;
    struct sim_end ends[2]; /* who connected, who accepted */
    int port;
    struct sim_event handshake;
};

/* It knocks at the other host, and later calls sim_stream_accept() there. */
struct sim_end *sim_wire_new(struct sim_stream *t, struct sim *s, struct sim_host *from,
                             struct sim_host *to, int port);

/* The end and its stream part. Frees the wire when it was the last one. */
void sim_wire_detach(struct sim_end *e);

/* The stream at this end goes to another loop. */
void sim_wire_move(struct sim_end *e, struct loop *to);

void sim_wire_send(struct sim_end *from, enum packet_kind kind, struct slice bytes);

/* As much of `bytes` as the window has room for; returns how much. */
size_t sim_wire_push(struct sim_end *from, struct slice bytes);

/* The stream at this end has read so much: the other may send as much again. */
void sim_wire_read(struct sim_end *e, size_t len);

/* ---- what the wire tells, in the turn of the loop that it is for ---- */

struct loop *sim_stream_loop(const struct sim_stream *t);
void sim_stream_accept(struct sim_end *e, struct listener *l);
void sim_stream_opened(struct sim_stream *t);
void sim_stream_bytes(struct sim_stream *t, struct slice bytes);
void sim_stream_ended(struct sim_stream *t);
void sim_stream_broken(struct sim_stream *t);
void sim_stream_room(struct sim_stream *t); /* the window has opened */
