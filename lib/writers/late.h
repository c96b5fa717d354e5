/*
 * Late values of an item become messages (writers/backfill.h): like others, but in batches of
 * their own that are marked, by the application property "millrace-late" and a member "Late". What
 * is lost for good is one of them, without a value: its status is BadDataLost, its source time that
 * of the last value before, its server time that of the first one after. On the OPC UA thread.
 */
#pragma once

#include "writers/backfill.h"

/* What an item's late values come to; the arg is the item. */
extern const struct backfill_events late_events;
