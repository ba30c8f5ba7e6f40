/* Owns: the C side of the test vectors: one connection per line of hex on stdin, on stdout the agent's answers as hex, its exit code, the descriptors it kept.
 * Must not: know what is in a vector; test/agent/vectors.ts does.
 * Depends on: kernel.c. Start reading at: main. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

static char line[4 * 1024 * 1024];
static uint8_t input[sizeof(line) / 2];
static size_t input_size, input_at;

static size_t more(uint8_t *bytes, size_t room) {
  size_t size = input_size - input_at < room ? input_size - input_at : room;
  memcpy(bytes, input + input_at, size);
  input_at += size;
  return size;
}

static void sent(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    printf("%02x", bytes[i]);
}

int main(void) {
  kernel.more = more;
  kernel.sent = sent;
  while (fgets(line, sizeof(line), stdin) != NULL) {
    input_at = 0;
    for (input_size = 0; line[2 * input_size] > ' '; input_size++) {
      char pair[3] = {line[2 * input_size], line[2 * input_size + 1], 0};
      input[input_size] = (uint8_t)strtoul(pair, NULL, 16);
    }
    int code = kernel_connection();
    printf(" %d %u\n", code, kernel_leaked());
  }
  return 0;
}
