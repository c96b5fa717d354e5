/*
 * Reported properties on their way: patches that come while one is under way, or while there is no
 * connection, are joined into one. What was refused or lost goes with the next.
 */
#pragma once

#include "base/buffer.h"
#include "client/device.h"

struct module_report {
    struct device_client *client; /* set when there is one */
    struct buffer pending;
    struct buffer sent; /* until it is answered */
    bool sending;
};

void module_report_add(struct module_report *r, struct slice patch);
void module_report_clear(struct module_report *r); /* after the client was freed */
