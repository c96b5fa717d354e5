/*
 * A discovery's progress in a file, so that it goes on after a restart: what was asked for, how far the scan came, whom
 * it found. Written now and then on a helper thread; the newest wins. On the loop.
 */
#pragma once

#include "discovery/plan.h"
#include "io/loop.h"

struct resume;

/* Makes the file's folder. NULL when `path` is NULL: nothing is kept, and all below does nothing. */
struct resume *discovery_resume_open(struct loop *loop, const char *path);
void discovery_resume_close(struct resume **r); /* what is being written is written */

struct resume_state {
    bool recurring; /* its plan comes out of the desired properties; `request` is then empty */
    struct slice request;
    struct scan_position position;
    const struct slice *found; /* urls */
    size_t found_count;
};

void discovery_resume_save(struct resume *r, const struct plan *plan, const struct resume_state *state);
void discovery_resume_forget(struct resume *r); /* it has come to its end */

/* What was left by the program before; for program start, it blocks. NOT_FOUND: nothing. Its texts are in the arena. */
CHECKED enum status discovery_resume_read(const char *path, struct arena *a, struct resume_state *out,
                                          struct slice *addresses, struct slice *ports);
/* Whether a plan scans what was left: otherwise a position in it means nothing. */
bool discovery_resume_fits(const struct plan *plan, struct slice addresses, struct slice ports);
