/* Owns: a kernel that touches nothing: the hosted agent of the fuzz driver and the vector test runs on it.
 * Must not: make a real system call for the agent.
 * Depends on: the C library. Start reading at: kernel_connection. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel {
  /* Fills in the next bytes of the connection; 0 at its end. */
  size_t (*more)(uint8_t *bytes, size_t room);
  /* Sees every byte that the agent sends. */
  void (*sent)(const uint8_t *bytes, size_t size);
  /* 0: every call has one fixed answer; else the seed of wild ones. */
  uint64_t random;
  uint64_t frames;
};
extern struct kernel kernel;

uint64_t kernel_random(void);
/* Runs the agent on one connection, from its first byte to its exit; returns the exit code. */
int kernel_connection(void);
/* Descriptors that the agent was given and neither closed nor handed on. */
unsigned kernel_leaked(void);

#endif
