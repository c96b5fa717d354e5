#include "audit.h"

#include <stdio.h>
#include <string.h>

#include "audit/audit.h"

static int help(FILE *to, int code)
{
    fprintf(to, "usage: millrace audit FOLDER ...\n\n"
                "Goes through audit.log, audit-1.log, ... of each folder: the data folder of hub "
                "or services, the\n"
                "audit folder of a module. 0: all lines follow one another; 1: a chain is broken, "
                "and where; 2: no log.\n");
    return code;
}

int audit_main(int argc, char **argv)
{
    int worst = 0;
    if (argc < 2)
        return help(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout, 0);
    for (int n = 1; n < argc; n++) {
        int code = audit_verify(argv[n]);
        worst = worst == 1 || code == 0 ? worst : code;
    }
    return worst;
}
