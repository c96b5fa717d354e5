/*
 * Small allocations do not fail: when the machine has no memory left, the program says so and
 * stops. A size that a peer chose is checked against a named limit before it comes here.
 */
#pragma once

#include <stddef.h>

/* Zeroed. */
void *memory_new(size_t size) __attribute__((returns_nonnull, malloc));
void *memory_resize(void *at, size_t size) __attribute__((returns_nonnull));
char *memory_text(const char *text) __attribute__((returns_nonnull, malloc));

#define MEMORY_NEW(type) ((type *)memory_new(sizeof(type)))
