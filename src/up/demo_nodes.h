/* The demo's publishednodes.json, unless there is one. */
#pragma once

#include "up/up.h"

#define DEMO_LOAD_NODES 100
#define DEMO_LOAD_MS 500

CHECKED enum status up_demo_nodes(struct up *u);
