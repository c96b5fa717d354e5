/*
 * UADP network messages (OPC UA Part 14, 7.2.2) as the JSON network messages that value_message.h
 * reads. Their fields have no names but in announcements of metadata, which come in the same
 * stream, now and then: what they say is kept, by module, publisher, writer and version, and goes
 * for data sets that say that version. Pure but for that.
 *
 * Not read: messages in chunks, with security, and raw fields, whose types would have to be known;
 * data sets without their version (major and minor), or with bytes behind their last field.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "services/uadp_names.h"

#define UADP_ANNOUNCEMENT_MAX (1u << 20) /* bytes; decoded, for a moment, up to 80 times as many */

/* Its first 3 bytes are enough. It may be an announcement: all else need not be read while nobody
 * wants values. */
bool uadp_message_announces(struct slice bytes);

/* `from` names the module. OK: JSON was appended, or, of an announcement or a keep-alive, nothing.
 * NOT_FOUND: none of its data sets has been announced in its version. TOO_LARGE: an
 * announcement. UNSUPPORTED; BAD_FORMAT. Of what is not OK nothing is appended. */
CHECKED enum status uadp_message_read(struct uadp_names *names, struct slice from,
                                      struct slice bytes, struct buffer *out);
