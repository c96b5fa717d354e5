/*
 * The command line and the environment of OPC Publisher 2.8 and 2.9 (and what 2.5 had), each option
 * with the setting that it is here, or why it is none. docs/protocol/publisher-options.md is
 * printed from this table; publisher_options_test.c holds the page to it.
 */
#pragma once

#include "base/buffer.h"
#include "settings/dialect.h"

extern const struct settings_dialect publisher_dialect;

/* The page, as Markdown. */
void publisher_options_print(struct buffer *out);
