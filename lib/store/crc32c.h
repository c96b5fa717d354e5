/*
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of everything that lies on disk. Uses
 * the processor's instructions where there are such, three parts of long ones side by side, and answers
 * the same without.
 */
#pragma once

#include "base/slice.h"

/* `seed` is 0, the sum of the bytes before these, or a salt. */
uint32_t store_crc32c(uint32_t seed, struct slice bytes);

/* The same without the instruction: for tests. */
uint32_t store_crc32c_plain(uint32_t seed, struct slice bytes);
