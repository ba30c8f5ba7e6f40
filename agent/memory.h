/* Owns: the three functions that a compiler may call by itself, and pages from the kernel.
 * Must not: keep a heap: every allocation is a mapping with one owner.
 * Depends on: sys.h. Start reading at: pages. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

/* Zeroed pages for `size` bytes, or NULL. */
void *pages(uint64_t size);
void pages_free(void *bytes, uint64_t size);

#endif
