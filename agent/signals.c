/* Owns: signal dispositions and masks, the signalfd, and the events that come from it.
 * Must not: run anything in a handler.
 * Depends on: output.c. Start reading at: signals_read. */
#include <linux/resource.h>
#include <linux/signalfd.h>

#include "agent.h"
#include "memory.h"

enum { AT_ONCE = 8 };

#define BIT(signal) (1ULL << ((signal)-1))

/* With -ffreestanding nobody else has these. */
#if !defined(AGENT_HOSTED) && defined(__x86_64__)
void restore_signal(void);
ARCH_RESTORE;
#endif

static void nothing(int signal) { (void)signal; }

void signals_block(void) {
  uint64_t blocked = ~BIT(SIG_WAKE) | agent.mask;
  (void)sys_sigprocmask(&blocked);
}

void signals_select(uint64_t mask) {
  uint64_t watched = mask | BIT(SIG_CHLD);
  agent.mask = mask & ~BIT(SIG_WAKE);
  int64_t fd = sys_signalfd(agent.signals, &watched);
  if (agent.signals < 0 && !failed(fd)) agent.signals = (int32_t)fd;
  signals_block();
}

void signals_open(uint32_t on_parent_death) {
  const struct signal_action standard = {.mask = 0};
  /* No SA_RESTART: the point of the handler is that the call it interrupts returns. Filled here, a table of pointers needs relocations. */
  struct signal_action interrupt = {.flags = ARCH_SA_RESTORER};
  interrupt.handler = nothing;
#if !defined(AGENT_HOSTED) && defined(__x86_64__)
  interrupt.restorer = restore_signal;
#endif
  for (uint32_t signal = 1; signal <= SIG_LAST; signal++)
    (void)sys_sigaction(signal, &standard);
  (void)sys_sigaction(SIG_WAKE, &interrupt);
  signals_select(0);
  (void)sys_prctl(PR_SET_PDEATHSIG, on_parent_death);
}

static void reap(void) {
  struct wire_exited exited;
  struct rusage usage;
  for (;;) {
    int64_t pid = sys_wait4(&exited.status, WAIT_NOHANG | WAIT_ALL, &usage);
    if (pid == 0 || failed(pid)) return;
    exited.pid = (int32_t)pid;
    output_event(FRAME_EXITED, &exited, sizeof(exited), &usage, sizeof(usage));
  }
}

void signals_read(void) {
  struct signalfd_siginfo infos[AT_ONCE];
  for (;;) {
    int64_t size = sys_read(agent.signals, infos, sizeof(infos));
    if (size <= 0) return;
    bool exits = false;
    for (uint64_t i = 0; i < (uint64_t)size / sizeof(infos[0]); i++) {
      if (infos[i].ssi_signo == SIG_CHLD) exits = true;
      if (agent.mask >> ((infos[i].ssi_signo - 1) & 63) & 1)
        output_event(FRAME_CAUGHT, &infos[i], sizeof(infos[i]), NULL, 0);
    }
    if (exits) reap();
  }
}
