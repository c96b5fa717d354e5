#include "bench/options.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"

static void print_help(const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "  --%-14s %s", rows[i].name, rows[i].help);
        if (rows[i].number)
            fprintf(stderr, " (%llu)\n", (unsigned long long)*rows[i].number);
        else
            fprintf(stderr, *rows[i].text ? " (%s)\n" : "\n", *rows[i].text);
    }
}

static const struct option_row *find(const struct option_row *rows, size_t count, const char *flag)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(flag, "--", 2) == 0 && strcmp(flag + 2, rows[i].name) == 0)
            return &rows[i];
    return NULL;
}

bool options_read(const struct option_row *rows, size_t count, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const struct option_row *row = find(rows, count, argv[i]);
        if (row == NULL || i + 1 == argc) {
            fprintf(stderr, "%s: %s\n", argv[0], row ? "a value is missing" : "flags are");
            print_help(rows, count);
            return false;
        }
        if (row->text)
            *row->text = argv[i + 1];
        else if (!slice_to_u64(slice_of(argv[i + 1]), row->number)) {
            fprintf(stderr, "%s: %s wants a number\n", argv[0], argv[i]);
            return false;
        }
    }
    return true;
}
