/*
 * What is in a file of a server (FileType, OPC UA Part 20): opened, read or written in as many
 * pieces as it takes, and closed whatever happened but that Open's answer came too late. On the session's thread.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/session.h"

#define OPCUA_FILE_CHUNK_MAX                                                                       \
    65535 /* bytes of one Read or Write: MaxByteStringLength of many servers */

/* How it is opened, Part 20, 4.2.2. */
#define OPCUA_FILE_READ 1
#define OPCUA_FILE_WRITE 2
#define OPCUA_FILE_ERASE 4
#define OPCUA_FILE_APPEND 8

/* Exactly once, later. `status`: the first thing that failed. `bytes` are those that were read, of
 * an opcua_file_read() that is good, and live until the callback returns. */
typedef void opcua_file_fn(void *arg, UA_StatusCode status, struct slice bytes);

/* BadResponseTooLarge when there are more than `bytes_max`. */
void opcua_file_read(struct opcua_session *s, const UA_NodeId *file, size_t bytes_max,
                     opcua_file_fn *fn, void *arg, uint32_t timeout_ms);

/* `bytes` are borrowed until `fn` is called; `file` and `close` until this returns. `mode`: how it
 * is opened; `close`: the method that ends what went well, Close or another one; what did not go
 * well is closed by Close. */
void opcua_file_write(struct opcua_session *s, const UA_NodeId *file, uint8_t mode,
                      UA_QualifiedName close, struct slice bytes, opcua_file_fn *fn, void *arg,
                      uint32_t timeout_ms);
