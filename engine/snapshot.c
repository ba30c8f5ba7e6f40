/* Owns: the engine as it is when all parts are loaded, made by the build and put into the executable: a start copies it and moves its pointers to
 * where they are now, instead of reading bytecode. tools/snapshot.mjs makes it of what two runs at different addresses wrote: a word that differs
 * by as much as their addresses do is a pointer.
 * Must not: hold anything of the machine or the process that it was made on. Depends on: memory.c. Start reading at: snapshot_restore. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

enum { WORD_BITS = 64, ANCHORS = 4 };

/* In front of it; tools/snapshot.mjs knows this order. */
struct snapshot {
  /* Of the memory, a multiple of 4096 */
  uint64_t size;
  /* When it was written: addresses of the memory, and of the executable, with its size; an address of the stack, and the engine's */
  uint64_t base, image, image_size, stack, context;
  /* Where some things are in the executable: a snapshot is of one executable alone */
  uint64_t anchors[ANCHORS];
};

/* Where the executable begins and ends in memory: the linker's. */
extern const uint8_t __ehdr_start[], _end[];

static void find_anchors(uint64_t anchors[ANCHORS]) {
  const uintptr_t image = (uintptr_t)__ehdr_start;
  anchors[0] = (uintptr_t)snapshot_restore - image;
  anchors[1] = (uintptr_t)engine_memory.js_malloc - image;
  anchors[2] = (uintptr_t)&engine_memory - image;
  anchors[3] = (uintptr_t)engine_snapshot - image;
}

static int write_all(int fd, const void *bytes, size_t size) {
  for (ssize_t done; size > 0; size -= (size_t)done, bytes = (const uint8_t *)bytes + done)
    if ((done = write(fd, bytes, size)) <= 0) return -1;
  return 0;
}

/* For the build: what the engine is now, with the whole memory behind. */
int snapshot_write(JSContext *js, const char *path) {
  const size_t page = 4096;
  size_t used;
  const void *memory = memory_whole(&used);
  if (!memory) return -1;
  const size_t size = (used + page - 1) / page * page;
  struct snapshot now = {
    .size = size,
    .base = (uintptr_t)memory,
    .image = (uintptr_t)__ehdr_start,
    .image_size = (uintptr_t)_end - (uintptr_t)__ehdr_start,
    .stack = (uintptr_t)&now,
    .context = (uintptr_t)js,
  };
  find_anchors(now.anchors);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write_all(fd, &now, sizeof(now)) < 0) return -1;
  return write_all(fd, memory, size) < 0 || close(fd) < 0 ? -1 : 0;
}

/* Adds to each word whose bit is set. */
static void move(uint64_t *words, const uint8_t *bits, size_t count, uint64_t distance) {
  for (size_t i = 0; i < count; i += WORD_BITS) {
    uint64_t set;
    memcpy(&set, bits + i / 8, sizeof(set));
    for (; set != 0; set &= set - 1)
      words[i + (size_t)__builtin_ctzll(set)] += distance;
  }
}

bool snapshot_exists(void) { return &engine_snapshot_end[0] > &engine_snapshot[0]; }

/* The engine of the snapshot, in memory of this process; null when there is no memory, or when it is another executable's. */
JSContext *snapshot_restore(void) {
  struct snapshot then;
  uint64_t anchors[ANCHORS];
  memcpy(&then, engine_snapshot, sizeof(then));
  find_anchors(anchors);
  if (memcmp(anchors, then.anchors, sizeof(anchors)) != 0) return NULL;
  /* Two bitmaps, of pointers into the memory and into the executable, then the memory */
  const size_t count = then.size / sizeof(uint64_t), bitmap = count / 8;
  const uint8_t *own = engine_snapshot + sizeof(then), *outside = own + bitmap;
  uint64_t *words = memory_begin(NULL, then.size);
  if (!words) return NULL;
  memcpy(words, outside + bitmap, then.size);
  const uint64_t distance = (uintptr_t)words - then.base;
  move(words, own, count, distance);
  move(words, outside, count, (uintptr_t)__ehdr_start - then.image);
  memory_continue(then.size);
  return (JSContext *)(uintptr_t)(then.context + distance);
}
