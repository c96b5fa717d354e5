/*
 * What the command line asks for without running anything: is the file right, and its JSON schema.
 */
#include "publisher/publisher.h"

#include <stdio.h>

#include "published/config_schema.h"
#include "published/credentials.h"
#include "published/text_file.h"

int publisher_check(const struct publisher_config *config)
{
    struct buffer text = {0}, line = {0};
    enum status s = text_file_read(config->path, &text);
    if (s != OK) {
        fprintf(stderr, "%s: cannot be read: %s\n", config->path, status_name(s));
        return 2;
    }
    struct config c;
    s = config_read(buffer_slice(&text), &c);
    config_check_profiles(&c, config->defaults.mode, config->defaults.encoding);
    if (s == OK)
        s = credentials_settle(NULL, &c, false);
    for (size_t i = 0; i < c.finding_count; i++) {
        buffer_reset(&line);
        config_finding_print(&c.findings[i], config->path, &line);
        fprintf(stderr, "%s\n", buffer_cstr(&line));
    }
    struct plan plan;
    plan_make(&c, &config->defaults, &plan);
    printf("%s: %zu groups, %zu writers, %zu nodes; %zu entries or nodes left out\n", config->path,
           plan.group_count, plan.writer_count, plan.item_count, c.refused);
    int code = s == OK && c.refused == 0 ? 0 : 2;
    plan_clear(&plan);
    config_clear(&c);
    buffer_clear(&text);
    buffer_clear(&line);
    return code;
}

int publisher_schema(void)
{
    struct buffer out = {0};
    config_schema(&out);
    bool whole = fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buffer_clear(&out);
    return whole ? 0 : 1;
}
