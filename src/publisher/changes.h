/*
 * What is changed through the module, whoever calls it: configuration, trust, values and methods of
 * machines. Each such call is two lines of the audit log (audit/audit.h), "asked" and "answered",
 * under the call's id, which hub and services have in theirs; "answered" has what was there before, and
 * what came of it, where the role told it. And what publishednodes.json was before and is afterwards. On the module's loop.
 */
#pragma once

#include "audit/audit.h"
#include "client/module.h"

/* All methods of the module; before module_start(). `audit` outlives the module. */
void changes_watch(struct module *m, struct audit *audit);

/* By its name the method changes something, or shows what is secret. Versions are passed over. */
bool changes_by(struct slice method);
