#include "opcua/profile.h"

#include <stddef.h>
#include <string.h>

/* clang-format off */
static const struct opcua_profile profiles[] = {
    /* name            first  most  calls  others  no_filters */
    {"S7-1200",          100,  100,     1,   1000, true}, /* larger calls take fifty times as long */
    {"S7-1500",          500,  500,     2,      0, false},
    {"SIMATIC",          500,  500,     2,      0, false},
    {"KEPServer",       1000, 1000,     4,      0, false},
    {"Kepware",         1000, 1000,     4,      0, false},
    {"Ignition",         500, 1000,     4,    250, false}, /* few operations of a session at once */
    {"Prosys",           800,  800,     4,      0, false},
    {"open62541",       1000, 1000,     4,      0, false},
    {"NodeOPCUA",       1000, 1000,     4,      0, false},
    {"millrace",        1000, 1000,     4,      0, false},
    {NULL,                50, 1000,     4,      0, false},
};
/* clang-format on */

const struct opcua_profile *opcua_profile_of(const char *manufacturer, const char *product)
{
    const struct opcua_profile *p = profiles;
    while (p->name && !(product && strcasestr(product, p->name)) &&
           !(manufacturer && strcasestr(manufacturer, p->name)))
        p++;
    return p;
}
