/*
 * The JSON schema (draft 7) of publishednodes.json, for editors: from the same tables that read the
 * file. It asks for the spelling that is recommended; the reader takes more, such as names in any
 * case.
 */
#pragma once

#include "base/buffer.h"

void config_schema(struct buffer *out);
