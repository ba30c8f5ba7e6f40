/* Owns: memory of the engine. A command is over after some milliseconds, so what counts is the page fault and not the byte: memory comes in
 * pieces that the kernel fills in one go, the first one as a huge page, and what is freed is used again for things of its size. Nothing goes back.
 * Must not: be used by two threads. Start reading at: take. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14; musl 1.2.3 has it not */
#define MADV_POPULATE_WRITE 23
#endif

enum {
  UNIT = 16,
  /* Up to here each multiple of a unit has a list of its own, above it each power of two */
  SMALL = 1024,
  SMALL_LISTS = SMALL / UNIT + 1,
  PIECE = 128 * 1024,
  /* Of the kernel's page tables, which arm64 may have larger */
  HUGE_PAGE = 2 * 1024 * 1024,
};

/* In front of each block. QuickJS needs no more than this alignment. */
struct header {
  uint64_t size;
};

/* At the beginning of the first piece, so that a snapshot has it too (snapshot.c). */
struct memory {
  void *lists[SMALL_LISTS + 64];
  uint8_t *next, *end;
  /* There was no second piece */
  bool whole;
};

static struct memory *memory;
static size_t first_size;

/* 0 for one that does not exist. */
static size_t whole_of(size_t size) {
  if (size > SIZE_MAX / 4) return 0;
  size_t whole = (size + sizeof(struct header) + UNIT - 1) / UNIT * UNIT;
  return whole <= SMALL ? whole : (size_t)1 << (64 - __builtin_clzl(whole - 1));
}

static void **list_of(size_t whole) {
  return &memory->lists[whole <= SMALL ? whole / UNIT : SMALL_LISTS + 63 - (size_t)__builtin_clzl(whole)];
}

static struct header *header_of(const void *block) { return (struct header *)(uintptr_t)block - 1; }

static size_t usable(const void *block) { return block ? header_of(block)->size : 0; }

/* A piece: at this address, which must be free, or anywhere. */
static void *new_piece(void *at, size_t size) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | (at ? MAP_FIXED_NOREPLACE : 0);
  void *piece = mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  return piece == MAP_FAILED ? NULL : piece;
}

/* Whole huge pages if the kernel has some to give (madvise(2)): it fills one in the time of eighty small ones, and most of it is written at
 * once. Small ones otherwise, filled in one go too (Linux 5.14). */
static void *huge_piece(size_t size) {
  uint8_t *room = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return NULL;
  uint8_t *at = room + (-(uintptr_t)room & (HUGE_PAGE - 1));
  if (mprotect(at, size, PROT_READ | PROT_WRITE) < 0) return NULL;
  madvise(at, size, MADV_HUGEPAGE);
  madvise(at, size, MADV_POPULATE_WRITE);
  return at;
}

/* The first piece, at this address or anywhere, with room for `size` bytes that the caller has: a struct memory and what it knows, or none. */
void *memory_begin(void *at, size_t size) {
  const bool huge = size > 0 && !at;
  const size_t unit = huge ? HUGE_PAGE : PIECE;
  first_size = (size + PIECE + unit - 1) / unit * unit;
  memory = huge ? huge_piece(first_size) : new_piece(at, first_size);
  return memory;
}

/* `used` bytes were written to the first piece. */
void memory_continue(size_t used) {
  memory->next = (uint8_t *)memory + (used > 0 ? used : sizeof(*memory));
  memory->end = (uint8_t *)memory + first_size;
  memory->whole = true;
}

/* All memory, and how much of it is used, as long as it is one piece; null when it is not. */
void *memory_whole(size_t *used) {
  *used = (size_t)(memory->next - (uint8_t *)memory);
  return memory->whole ? memory : NULL;
}

static int more(size_t whole) {
  size_t size = whole > PIECE ? whole : PIECE;
  memory->next = new_piece(NULL, size);
  memory->end = memory->next ? memory->next + size : NULL;
  memory->whole = false;
  return memory->next ? 0 : -1;
}

static void *take(JSMallocState *state, size_t size) {
  size_t whole = whole_of(size);
  if (whole == 0) return NULL;
  void **list = list_of(whole), *block = *list;
  if (block) {
    memcpy(list, block, sizeof(*list));
  } else {
    if ((size_t)(memory->end - memory->next) < whole && more(whole) < 0) return NULL;
    struct header *header = (struct header *)(void *)memory->next;
    memory->next += whole;
    header->size = whole - sizeof(*header);
    block = header + 1;
  }
  state->malloc_count++;
  state->malloc_size += whole;
  return block;
}

static void give(JSMallocState *state, void *block) {
  if (!block) return;
  size_t whole = usable(block) + sizeof(struct header);
  void **list = list_of(whole);
  memcpy(block, list, sizeof(*list));
  *list = block;
  state->malloc_count--;
  state->malloc_size -= whole;
}

static void *resize(JSMallocState *state, void *block, size_t size) {
  if (!block) return take(state, size);
  if (size == 0) {
    give(state, block);
    return NULL;
  }
  size_t old = usable(block);
  if (size <= old) return block;
  void *fresh = take(state, size);
  if (!fresh) return NULL;
  memcpy(fresh, block, old);
  give(state, block);
  return fresh;
}

const JSMallocFunctions engine_memory = {take, give, resize, usable};
