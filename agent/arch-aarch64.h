/* Owns: what differs by machine: the system call instruction, the first instructions, the return from a signal handler.
 * Must not: know a system call by name. Depends on: the arm64 ABI of syscall(2).
 * Start reading at: sys6. */
#ifndef ARCH_H
#define ARCH_H

#include <stdint.h>

static inline int64_t sys6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  register uint64_t x8 __asm__("x8") = number;
  register uint64_t x0 __asm__("x0") = a;
  register uint64_t x1 __asm__("x1") = b;
  register uint64_t x2 __asm__("x2") = c;
  register uint64_t x3 __asm__("x3") = d;
  register uint64_t x4 __asm__("x4") = e;
  register uint64_t x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return (int64_t)x0;
}

/* The vdso has the trampoline of sigreturn(2). */
#define ARCH_SA_RESTORER 0U
#define ARCH_RESTORE _Static_assert(1, "nothing to define")
/* Offset of x0 in struct ucontext: flags, link, stack, 128 bytes of sigset, aligned to 16, fault_address (asm/ucontext.h) */
#define ARCH_CONTEXT_RESULT 184
#define ARCH_START \
  __asm__(".text\n.global _start\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n  bl agent_start\n  brk #0\n")

#endif
