/*
 * A method call in pieces, from the service's side: the method "$call" of OPC Publisher
 * (module_pieces.h is the other side). For requests and responses that are larger than a direct
 * method may be; one that fits takes one direct method here as well. The request goes compressed
 * (gzip) in pieces, each the payload of a direct method, one after the other; then the pieces of
 * the response are asked for.
 *
 * Bounds: SERVICE_PIECES_BYTES_MAX of a request and of a response, compressed and expanded
 * (TOO_LARGE). All pieces together have the method's time (TIMED_OUT).
 */
#pragma once

#include "client/service.h"

#define SERVICE_PIECES_BYTES_MAX (16u << 20)
#define SERVICE_PIECE_BYTES 65536u /* before base64; of requests, and asked for of responses */

/* As service_client_invoke_method(). PEER_FAILED: what comes is no part of this protocol; a module
 * that does not know it says so with a status of its own. */
CHECKED enum status service_pieces_invoke(struct service_client *c, const struct service_method *m,
                                          service_client_method_fn *done, void *arg);
