/* Flags of the load generators: `--name value`, from a table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_row {
    const char *name; /* without the dashes */
    const char **text;
    uint64_t *number; /* one of the two */
    const char *help;
};

/* Prints what is wrong, or the help, and returns false. */
bool options_read(const struct option_row *rows, size_t count, int argc, char **argv);
