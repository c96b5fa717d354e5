/* What each part is told on its command line. Keys go through files that the user alone can read. */
#pragma once

#include "up/up.h"

void up_arguments(struct up *u, enum up_part_id id);
