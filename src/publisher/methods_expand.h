/* Two rows of the publisher's methods (publisher/methods.c). */
#pragma once

#include "client/module.h"

void methods_expand_writer(struct module_call *c); /* tells alone */
void methods_expand_and_save(
    struct module_call *c); /* and keeps what was found in the configuration */
