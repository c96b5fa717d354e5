#include "audit/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit/files.h"

struct look {
    struct audit_place place;
    bool broken;
};

static void look_at_file(struct look *l, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    const char *why;
    ssize_t n;
    FILE *f = fopen(path, "re");
    for (uint64_t at = 1; f && !l->broken && (n = getline(&line, &room, f)) > 0; at++) {
        bool whole = line[n - 1] == '\n';
        l->broken = !audit_line_check(slice_from(line, (size_t)n - whole), &l->place, &why);
        if (l->broken)
            printf("%s:%llu: the chain is broken: %s\n", path, (unsigned long long)at,
                   whole ? why : "the line has no end");
    }
    free(line);
    if (f)
        fclose(f);
}

int audit_verify(const char *folder)
{
    struct look l = {0};
    struct buffer path = {0};
    unsigned file = 0;
    if (!audit_files_is_there(folder, 0)) {
        printf("%s: there is no audit.log\n", folder);
        return 2;
    }
    memset(l.place.previous, '0', AUDIT_HASH_LEN);
    do {
        audit_files_path(folder, file, &path);
        look_at_file(&l, buffer_cstr(&path));
    } while (!l.broken && audit_files_is_there(folder, ++file));
    if (!l.broken)
        printf("%s: %llu lines, the chain holds; its end is %s\n", folder,
               (unsigned long long)l.place.number, l.place.previous);
    buffer_clear(&path);
    return l.broken ? 1 : 0;
}
