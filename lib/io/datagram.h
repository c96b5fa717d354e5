/*
 * UDP over IPv4 on a loop, on one of the machine's networks: sent to an address or a group, received from anyone there.
 * The machine's loop alone has it (loop_new()); the simulation answers UNSUPPORTED.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "io/loop.h"

#define DATAGRAM_MAX 9216 /* longer ones are cut */

struct datagram;

/* Addresses in host order. The bytes live until the call returns. */
typedef void datagram_fn(void *arg, uint32_t address, uint16_t port, struct slice bytes);

struct datagram_config {
    struct loop *loop;
    uint32_t interface; /* the machine's own address there */
    uint16_t port;      /* shared with others who share it; 0: any free one */
    uint32_t group;     /* joined there; 0: none */
    datagram_fn *on_packet;
    void *arg;
};

/* IO_FAILED, and nothing logged: whoever asks may do without. */
CHECKED enum status datagram_open(const struct datagram_config *config, struct datagram **out);
/* As the network likes: nobody is told whether it arrived. IO_FAILED: not even sent. */
enum status datagram_send(struct datagram *d, uint32_t address, uint16_t port, struct slice bytes);
/* Nothing is called any more. Before loop_free(). */
void datagram_close(struct datagram **d);
