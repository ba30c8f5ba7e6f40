/* Owns: one million mutated frames through the agent's own parser and runner, under AddressSanitizer and UBSan.
 * Must not: need anything but its seed and the corpus to repeat a run.
 * Depends on: kernel.c, corpus/. Start reading at: more. Usage: fuzz FRAMES SEED CORPUS_FILE… */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../agent.h"
#include "kernel.h"

enum { SEEDS = 256, FRAME_BYTES = 65536, FRAMES_PER_CONNECTION = 64 };

/* Frames of the corpus; the first is a HELLO. */
static struct {
  uint8_t *bytes;
  size_t size;
} seeds[SEEDS];
static size_t seed_count;

static uint8_t current[FRAME_BYTES];
static size_t current_size, current_at;
static unsigned frames_left;
static uint64_t answers;

static uint64_t below(uint64_t limit) { return kernel_random() % limit; }

static uint64_t interesting(void) {
  static const uint64_t values[] = {0,          1,          2,          3,          7,           8,          16,
                                    21,         24,         80,         253,        254,         0x7fff,     0xffff,
                                    0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0xffffff01,  0xffffff02, 0xffffff03,
                                    0x40000027, 0xfffff0,   0xfffff1,   __NR_setns, 0x100000000, ~0ULL};
  return below(3) == 0 ? below(64) : values[below(sizeof(values) / sizeof(values[0]))];
}

static void mutate(uint8_t *bytes, size_t size) {
  uint64_t value = interesting();
  size_t width = (size_t)1 << below(4);
  /* Fields stand at multiples of their width; the header's length is treated apart. */
  size_t at = below(size) / width * width;
  if (at + width > size) return;
  if (below(4) == 0) {
    bytes[at] ^= (uint8_t)(1U << below(8));
  } else {
    memcpy(bytes + at, &value, width);
  }
}

/* The next frame: one of the corpus, mostly with a few changes, mostly with a length that fits. */
static void compose(void) {
  bool first = frames_left == FRAMES_PER_CONNECTION;
  size_t pick = first && below(50) != 0 ? 0 : below(seed_count);
  struct wire_frame head;
  current_at = 0;
  current_size = seeds[pick].size;
  memcpy(current, seeds[pick].bytes, current_size);
  if (first && below(20) != 0) return;
  if (below(20) == 0) current_size = sizeof(head) + below(current_size - sizeof(head) + 1);
  if (below(20) == 0 && current_size + 256 < FRAME_BYTES) {
    for (int i = 0; i < 256; i++)
      current[current_size++] = (uint8_t)kernel_random();
  }
  uint64_t changes = below(8) == 0 ? below(16) : below(2);
  for (uint64_t i = 0; i < changes; i++)
    mutate(current, current_size);
  memcpy(&head, current, sizeof(head));
  if (below(100) != 0) head.length = (uint32_t)(current_size - sizeof(head));
  if (below(20) != 0) head.reserved = 0;
  if (below(20) != 0) head.descriptors = (uint16_t)(head.descriptors % 8);
  memcpy(current, &head, sizeof(head));
}

static size_t more(uint8_t *bytes, size_t room) {
  size_t done = 0;
  /* Several frames in one call, or one frame in several, end of the connection at any byte */
  while (done < room) {
    if (current_at == current_size) {
      if (frames_left == 0 || (done > 0 && below(2) == 0)) break;
      compose();
      frames_left--;
    }
    size_t rest = current_size - current_at;
    size_t size = rest < room - done ? rest : room - done;
    if (below(8) == 0) size = 1 + below(size);
    memcpy(bytes + done, current + current_at, size);
    current_at += size;
    done += size;
    if (size < rest && below(2) == 0) break;
  }
  return done;
}

static void sent(const uint8_t *bytes, size_t size) {
  static volatile uint8_t sink;
  for (size_t i = 0; i < size; i++)
    sink ^= bytes[i];
  answers++;
}

/* Splits the first line of a corpus file, a connection in hex, into its frames. */
static void load(const char *path) {
  static char text[4 * FRAME_BYTES];
  static uint8_t bytes[2 * FRAME_BYTES];
  FILE *file = fopen(path, "r");
  if (file == NULL || fgets(text, sizeof(text), file) == NULL) exit(2);
  fclose(file);
  size_t size = 0;
  for (; text[2 * size] > ' '; size++) {
    char pair[3] = {text[2 * size], text[2 * size + 1], 0};
    bytes[size] = (uint8_t)strtoul(pair, NULL, 16);
  }
  for (size_t at = 0; at + sizeof(struct wire_frame) <= size && seed_count < SEEDS;) {
    struct wire_frame head;
    memcpy(&head, bytes + at, sizeof(head));
    size_t whole = sizeof(head) + head.length;
    if (whole > size - at) whole = size - at;
    if (whole < FRAME_BYTES && (at > 0 || seed_count == 0)) {
      seeds[seed_count].bytes = malloc(whole);
      memcpy(seeds[seed_count].bytes, bytes + at, whole);
      seeds[seed_count++].size = whole;
    }
    at += whole;
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  uint64_t wanted = strtoull(argv[1], NULL, 10);
  uint64_t connections = 0;
  kernel.random = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15ULL | 1;
  for (int i = 3; i < argc; i++)
    load(argv[i]);
  kernel.more = more;
  kernel.sent = sent;
  while (kernel.frames < wanted) {
    frames_left = FRAMES_PER_CONNECTION;
    current_at = current_size = 0;
    (void)kernel_connection();
    connections++;
  }
  printf("%llu frames, %llu connections, %llu answers, %zu seeds\n", (unsigned long long)kernel.frames,
         (unsigned long long)connections, (unsigned long long)answers, seed_count);
  return 0;
}
