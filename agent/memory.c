/* Owns: the three functions that a compiler may call by itself, and pages from the kernel.
 * Must not: keep a heap: every allocation is a mapping with one owner.
 * Depends on: sys.h. Start reading at: pages. */
#include "memory.h"

#include "sys.h"

#if !defined(AGENT_HOSTED)
typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *restrict to, const void *restrict from, size_t size) { return memmove(to, from, size); }

void *memmove(void *to, const void *from, size_t size) {
  uint8_t *target = to;
  const uint8_t *source = from;
  if ((uintptr_t)target - (uintptr_t)source >= size) {
    for (; size >= sizeof(word); size -= sizeof(word), target += sizeof(word), source += sizeof(word))
      *(word *)target = *(const word *)source;
    for (; size > 0; size--)
      *target++ = *source++;
  } else {
    while (size-- > 0)
      target[size] = source[size];
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  uint8_t *target = to;
  const uint64_t pattern = (uint8_t)byte * 0x0101010101010101ULL;
  for (; size >= sizeof(word); size -= sizeof(word), target += sizeof(word))
    *(word *)target = pattern;
  for (; size > 0; size--)
    *target++ = (uint8_t)byte;
  return to;
}
#endif

void *pages(uint64_t size) {
  int64_t result = sys_mmap(size);
  return failed(result) ? NULL : (void *)(uintptr_t)result;
}

void pages_free(void *bytes, uint64_t size) { (void)sys_munmap(bytes, size); }
