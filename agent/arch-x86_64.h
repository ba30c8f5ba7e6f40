/* Owns: what differs by machine: the system call instruction, the first instructions, the return from a signal handler.
 * Must not: know a system call by name. Depends on: the x86-64 ABI of syscall(2).
 * Start reading at: sys6. */
#ifndef ARCH_H
#define ARCH_H

#include <stdint.h>

static inline int64_t sys6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  int64_t result;
  register uint64_t r10 __asm__("r10") = d;
  register uint64_t r8 __asm__("r8") = e;
  register uint64_t r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* sigreturn(2): this architecture has no vdso trampoline, the kernel wants one from us. */
#define ARCH_SA_RESTORER 0x04000000U
#define ARCH_RESTORE \
  __asm__(".text\n.hidden restore_signal\n.global restore_signal\nrestore_signal:\n  mov $15, %eax\n  syscall\n")
/* Offset of rax in struct ucontext: flags, link, stack, then r8 to r15, di, si, bp, bx, dx, ax (asm/sigcontext.h) */
#define ARCH_CONTEXT_RESULT 144
#define ARCH_START \
  __asm__(".text\n.global _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n" \
          "  and $-16, %rsp\n  call agent_start\n  hlt\n")

#endif
