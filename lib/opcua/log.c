#include "opcua/log.h"

#include <stdio.h>

#include "base/log.h"

#define STACK_LINE_MAX 1024

static void to_line(void *context, UA_LogLevel level, UA_LogCategory category, const char *format,
                    va_list args)
{
    (void)context, (void)category;
    if (level < UA_LOGLEVEL_WARNING || !log_wants(LOG_LEVEL_DEBUG))
        return;
    char text[STACK_LINE_MAX];
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c; c++)
        if (*c == ' ' || *c == '\t' || *c == '\n')
            *c = '_';
    log_line(LOG_LEVEL_DEBUG, "opcua stack says=%s", text);
}

UA_Logger *opcua_logger(void)
{
    static UA_Logger logger = {.log = to_line};
    return &logger;
}
