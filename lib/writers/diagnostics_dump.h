/*
 * DumpConnectionDiagnostics of a writer: what its server counts about the session is said in the
 * log, when it is connected and then every DIAGNOSTICS_DUMP_MS. On the OPC UA thread.
 */
#pragma once

#include "opcua/session.h"

#define DIAGNOSTICS_DUMP_MS 60000

struct diagnostics_dump;

struct diagnostics_dump *diagnostics_dump_new(struct loop *l);
/* From now on about this one, which is connected; harmless when it is the same. NULL: about none. */
void diagnostics_dump_set(struct diagnostics_dump *d, struct opcua_session *s);
void diagnostics_dump_free(struct diagnostics_dump **d);
