/* The CRC of Azure Storage's x-ms-content-crc64: CRC-64/NVME, in the header as base64 of its eight
 * bytes, the lowest first. Pure. */
#pragma once

#include "base/slice.h"

/* Goes on from `crc`, which is 0 at the beginning. */
uint64_t blob_crc64(uint64_t crc, struct slice bytes);
