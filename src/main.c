/* The one binary: its first word names the program. This table is the list of them. */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

static const struct program {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *what;
} programs[] = {
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    for (const struct program *p = programs; argc > 1 && p->name; p++)
        if (strcmp(p->name, argv[1]) == 0)
            return p->main(argc - 1, argv + 1);
    return 2;
}
