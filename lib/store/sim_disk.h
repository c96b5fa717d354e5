/*
 * A disk in memory, for tests and simulations: the same seed and the same calls give the same disk.
 * What was not synced is at the mercy of sim_disk_crash(): of each sector the old or the new bytes
 * stay, in any mix, and files that were created, renamed or removed without a sync of their
 * directory may be there or not. After a sync that failed, the sectors which it did not write are
 * never written by a later one. So may directories that were made, and with them all that is in them. Safe
 * from any thread.
 */
#pragma once

#include "store/disk.h"

#define SIM_DISK_SECTOR 512u

struct store_disk *sim_disk_new(uint64_t seed);
void sim_disk_free(struct store_disk **d); /* after all files are closed */

/* The power goes. Files that were open answer IO_FAILED from now on, and must still be closed. */
void sim_disk_crash(struct store_disk *d);

/* From the n-th call on (1 is the next) nothing reaches the disk and all calls answer IO_FAILED,
 * until sim_disk_crash(): so the power goes between a write and its sync. 0 calls that off. */
void sim_disk_power_until(struct store_disk *d, uint64_t nth);

/* Writes answer FULL, after writing a part, when all files together would have more bytes. 0: no
 * limit. */
void sim_disk_limit(struct store_disk *d, uint64_t bytes);
uint64_t sim_disk_used(struct store_disk *d);

enum sim_disk_kind {
    SIM_DISK_LIST,
    SIM_DISK_OPEN,
    SIM_DISK_RENAME,
    SIM_DISK_REMOVE,
    SIM_DISK_SYNC_DIRECTORY,
    SIM_DISK_WRITE,
    SIM_DISK_READ,
    SIM_DISK_TRUNCATE,
    SIM_DISK_SYNC,
    SIM_DISK_ANY,
};

/* The n-th call of the kind from now on (1 is the next) fails once; 0 calls that off. */
void sim_disk_fail(struct store_disk *d, enum sim_disk_kind kind, uint64_t nth);
/* Calls of the kind so far. */
uint64_t sim_disk_calls(struct store_disk *d, enum sim_disk_kind kind);

/* Damage that the disk does not notice; synced bytes too. False when there is no such byte. */
bool sim_disk_flip(struct store_disk *d, const char *path, uint64_t byte, uint8_t mask);
/* Reads of these bytes of it fail from now on, unless memory has them; of none of them with from == to. */
bool sim_disk_spoil(struct store_disk *d, const char *path, uint64_t from, uint64_t to);
/* Memory has all of it: reads come from there until it is forgotten (disk.h) and nothing in it is unsynced. */
bool sim_disk_cache(struct store_disk *d, const char *path);
/* Opening it answers `why` from now on; OK: it opens. */
bool sim_disk_bar(struct store_disk *d, const char *path, enum status why);
/* It may only be read from now on, by who opens it then. */
bool sim_disk_protect(struct store_disk *d, const char *path, bool protected);
/* Somebody else removed it, for good. */
bool sim_disk_vanish(struct store_disk *d, const char *path);
/* As while its file system is not mounted: nothing is found under any name, and what is made goes to a place that
 * nobody sees again. What is open stays open. */
void sim_disk_hide(struct store_disk *d, bool hidden);
bool sim_disk_cut(struct store_disk *d, const char *path, uint64_t size);
/* The file's bytes as they are read now; NOT_FOUND. */
CHECKED enum status sim_disk_copy(struct store_disk *d, const char *path, struct buffer *out);
/* Puts a synced file there, as if it had always been. */
void sim_disk_put(struct store_disk *d, const char *path, struct slice bytes);
