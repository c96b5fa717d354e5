/* A line of the audit log, made and read. Pure. */
#pragma once

#include "base/buffer.h"

#define AUDIT_HASH_LEN 64
#define AUDIT_BODY_MAX                                                                             \
    (16u << 10) /* of a request, or of what was there, in a line; of a larger one its length and   \
                   digest */
#define AUDIT_LINE_MAX (128u << 10)

/* Something that somebody asked for, or what came of it. What is empty is left out of the line. */
struct audit_entry {
    const char *event;      /* static: "asked", "answered", "forbidden", "called", … */
    struct slice call;      /* its id: the same in all programs that it went through */
    struct slice who;       /* user, policy, module */
    struct slice peer;      /* "127.0.0.1:1234" */
    struct slice method;    /* "PUT" */
    struct slice target;    /* "/twins/d1" */
    struct slice operation; /* "WriteValue" */
    struct slice body;      /* JSON, or anything else */
    struct slice old;       /* what was there before: JSON, or anything else */
    struct slice response;  /* what came of it, likewise */
    int status;             /* 0: not told */
    uint64_t count;         /* 0: not told; of "cut" bytes, of "lost" lines */
};

struct audit_place { /* of the next line */
    uint64_t number;
    char previous[AUDIT_HASH_LEN + 1]; /* 64 zeros before the first */
};

/* Appends the line with its end, and moves the place on. Passwords and secrets of the bodies are
 * left out. */
void audit_line_put(const struct audit_entry *e, uint64_t wall_ms, struct audit_place *place,
                    struct buffer *out);

/* Instead of what is too long for a line: {"bytes":…,"sha256":…}. */
void audit_line_digest(struct slice bytes, struct buffer *out);

/* Whether `line` (without its end) is the next one; then the place moves on. *why says what is
 * wrong. */
bool audit_line_check(struct slice line, struct audit_place *place, const char **why);

/* Takes the place behind `line`, unlooked at but for its own hash. */
bool audit_line_follow(struct slice line, struct audit_place *place);
