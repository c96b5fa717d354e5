/*
 * Runs the start-up file (published/init_file.h): at the start, and whenever its content changes.
 * What was run stands in a log beside it, each request with its status and answer; a file whose
 * content the log names already is not run again. On the module's loop.
 *
 * An answer of 400 or more is an error: the rest is left out, unless the request says
 * @continue-on-error or the next one is an @on-error.
 */
#pragma once

#include "client/module.h"

struct init_run;

/* `log` NULL: `path` with ".log". The paths are copied. */
struct init_run *init_run_new(struct module *m, const char *path, const char *log);
/* Before module_free(); calls under way end by themselves. */
void init_run_stop(struct init_run *r);
/* After module_free(). */
void init_run_free(struct init_run **r);
