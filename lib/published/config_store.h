/*
 * publishednodes.json on the disk: read when it changes, and changed by the methods of
 * config_edit.h, one after the other.
 *
 * Each call reads the file first, so it is made on what stands there, whoever wrote it; when
 * somebody writes it meanwhile, the call begins anew. Nothing in it, or no file, where the watch saw a text is taken
 * for an editor at work: the call waits a little, and then is answered with CONFLICT; what the watch has told as empty
 * or away is taken for meant. Its answer comes when the new file is on the
 * disk, and the owner has been told of its content just before, as of any other change.
 *
 * On the loop; files are read and written on a helper thread.
 */
#pragma once

#include "io/loop.h"
#include "published/config_edit.h"
#include "published/watch.h"

#define CONFIG_STORE_WAITING_MAX 256 /* calls; more are answered with BUSY at once */
#define CONFIG_STORE_TRIES 5         /* on a file that others write all the time; then CONFLICT */
#define CONFIG_STORE_FETCHES 5       /* of what is encrypted, for one call */
#define CONFIG_STORE_PAUSES 4        /* for a file whose text is gone to come back; then CONFLICT */
#define CONFIG_STORE_PAUSE_MS 250

struct config_store;

/* `create`: where there is no file, one that publishes nothing is made. `fn` is told of the file's
 * content as watch.h says. */
struct config_store *config_store_new(struct loop *l, const char *path, bool create, watch_fn *fn,
                                      void *arg);

/* Takes them over: users and passwords that stand encrypted are compared as what they are; with
 * `seals` calls write those that are in the file encrypted, or change nothing. */
struct credentials;
void config_store_credentials(struct config_store *s, struct credentials *c, bool seals);

/* What the file was and is goes into the audit log: "found" at the start and when somebody else wrote it,
 * "changed" for calls. `audit` outlives the store; NULL: nothing does. */
struct audit;
void config_store_audit(struct config_store *s, struct audit *audit);

/* Tells of the file's content once more with the next look at it, though it is the same. */
void config_store_look_again(struct config_store *s);

/* The file is not looked at any more, and `fn` not called; calls that are under way are carried out. */
void config_store_stop(struct config_store *s);
/* None is under way. */
bool config_store_idle(const struct config_store *s);
/* Calls that are under way are answered with CANCELLED, before it returns: one of them may be carried out all
 * the same. */
void config_store_free(struct config_store **s);

typedef void config_store_fn(void *arg, const struct config_answer *answer);

/* The answer lives until fn returns. fn is never called before this returns. */
void config_store_call(struct config_store *s, struct slice method, struct slice payload,
                       config_store_fn *fn, void *arg);
