/*
 * A file that people and tools change while we run: read when its time or size changed, and handed
 * over when its content did, as UTF-8 (text_file.h); empty or away, when it is so at two looks in a row. It is looked
 * at once a second (a timer, not inotify: files on network shares and mounted configuration maps change without
 * telling).
 */
#pragma once

#include <sys/stat.h>

#include "base/buffer.h"
#include "io/loop.h"

#define WATCH_MS 1000
#define WATCH_FAILED_LOOKS 30 /* after so many one reads again what could not be read, though it looks the same */

struct watch;

/* On the loop. OK with the content; NOT_FOUND when the file went away; IO_FAILED, TOO_LARGE. */
typedef void watch_fn(void *arg, enum status s, struct slice content);

/* The first call comes after the first look, whatever it saw. */
struct watch *watch_new(struct loop *l, const char *path, watch_fn *fn, void *arg);
void watch_free(struct watch **w);

/* We wrote the file ourselves: that content is no change, and what a look under way saw is nothing. */
void watch_know(struct watch *w, struct slice content);

/* What the next look sees is told, be it the same as before. */
void watch_tell_again(struct watch *w);

/* Whether a file was not written, and nobody was given or denied it, between two looks at it. */
bool watch_is_same(const struct stat *a, const struct stat *b);

/* Something stood in the file when it was last told or known: who finds nothing there now may have come while
 * somebody writes it. */
bool watch_filled(const struct watch *w);

/* What was read of a file is nothing: it is away, or there is no text in it. */
bool watch_finds_nothing(enum status s, struct slice content);
