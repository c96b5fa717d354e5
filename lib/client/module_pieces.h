/*
 * Method calls in pieces, for requests and responses that are larger than a direct method's
 * payload: the method "$call" of OPC Publisher 2.8 and 2.9. A request comes compressed (gzip) in
 * pieces of base64; the first one names the method and the whole length, and its answer the handle
 * that the others carry. The last piece is answered, when the method has been, with the first piece
 * of the response and its status; while a handle is in the answer, an empty piece with it asks for
 * the next.
 *
 * Bounds: MODULE_PIECES_BYTES_MAX of a request, small or expanded (413). Of calls that wait for a piece, or for
 * somebody to ask for one: MODULE_PIECES_MAX, and MODULE_PIECES_HELD_MAX bytes together (429); where responses
 * pass that, the one goes that nobody has asked for the longest. While its method runs a call holds nothing, and
 * counts as any other (MODULE_CALLS_MAX). A handle that nobody used for its time (20 s, or what the first piece
 * says) is forgotten; one that is not known is answered with 408.
 */
#pragma once

#include "client/module.h"

#define MODULE_PIECES_METHOD "$call"
#define MODULE_PIECES_MAX 256
#define MODULE_PIECES_BYTES_MAX (16u << 20)
#define MODULE_PIECES_HELD_MAX (64u << 20) /* as they are sent; of a request its whole length from the first piece on */
#define MODULE_PIECES_MS 20000
#define MODULE_PIECE_BYTES                                                                         \
    65536u /* of a response's piece, before base64, when the caller names none */

struct module_pieces;

typedef void module_pieces_reply_fn(void *module, uint64_t rid, int status, struct slice json);

struct module_pieces *module_pieces_new(struct module *m, module_pieces_reply_fn *reply);
/* When no call of it is under way any more. */
void module_pieces_free(struct module_pieces **p);

/* One piece of a request, or the wish for one of a response. */
void module_pieces_call(struct module_pieces *p, uint64_t rid, struct slice payload);
