/* Owns: signal dispositions and masks, the signalfd, and the events that come from it.
 * Must not: do more in a handler than note what came.
 * Depends on: output.c. Start reading at: signals_read. */
#include <linux/resource.h>
#include <linux/signalfd.h>

#include "agent.h"
#include "memory.h"

enum { AT_ONCE = 8, WAKE_NS = 20000000 };

/* si_code of a system call that a seccomp filter trapped (asm-generic/siginfo.h) */
enum { SYS_SECCOMP_ = 1 };

/* The part of siginfo_t that SIGSYS fills, and the words of kill(2) in the same place. */
struct trap {
  int32_t signal;
  int32_t error;
  int32_t code;
  int32_t padding;
  union {
    struct {
      uint64_t address;
      int32_t syscall;
      uint32_t arch;
    } call;
    struct {
      uint32_t pid;
      uint32_t uid;
    } sender;
  } from;
};

static struct {
  volatile uint32_t count;
  struct trap traps[AT_ONCE];
} trapped;

#define BIT(signal) (1ULL << ((signal)-1))

/* With -ffreestanding nobody else has these. */
#if !defined(AGENT_HOSTED) && defined(__x86_64__)
void restore_signal(void);
ARCH_RESTORE;
#endif

/*
 * A call that blocks is interrupted, so that the loop sees the end of the connection; but orders that were read before may block
 * again, and a signal that comes just before a call is lost to it. From the first one on this process is to end, so it wakes itself.
 */
static void wake(int signal) {
  const struct itimer_spec every = {{0, WAKE_NS}, {0, WAKE_NS}};
  const struct signal_event event = {.signal = SIG_WAKE};
  (void)signal;
  if (agent.waking) return;
  agent.waking = !failed(sys_timer_create(&event, &agent.timer));
  if (agent.waking) (void)sys_timer_set(agent.timer, &every);
}

void signals_rest(void) {
  if (agent.waking) (void)sys_timer_delete(agent.timer);
}

/* The kernel forces this one, blocked or not: without a handler it would end the process. What was trapped fails with ENOSYS. */
static void trap(int signal, const struct trap *info, uint8_t *context) {
  static const int64_t result = -ENOSYS;
  (void)signal;
  if (trapped.count < AT_ONCE) trapped.traps[trapped.count++] = *info;
  if (info->code == SYS_SECCOMP_) memcpy(context + ARCH_CONTEXT_RESULT, &result, sizeof(result));
}

void signals_flush(void) {
  for (uint32_t i = 0; i < trapped.count; i++) {
    const struct trap *from = &trapped.traps[i];
    struct signalfd_siginfo info = {
      .ssi_signo = (uint32_t)from->signal, .ssi_errno = from->error, .ssi_code = from->code};
    if (from->code == SYS_SECCOMP_) {
      info.ssi_addr = from->from.call.address;
      info.ssi_call_addr = from->from.call.address;
      info.ssi_syscall = from->from.call.syscall;
      info.ssi_arch = from->from.call.arch;
    } else {
      info.ssi_pid = from->from.sender.pid;
      info.ssi_uid = from->from.sender.uid;
    }
    output_event(FRAME_CAUGHT, &info, sizeof(info), NULL, 0);
  }
  trapped.count = 0;
}

void signals_block(void) {
  uint64_t blocked = ~BIT(SIG_WAKE);
  if ((agent.mask & BIT(SIG_SYS)) != 0) blocked &= ~BIT(SIG_SYS);
  (void)sys_sigprocmask(&blocked);
}

static void handle(uint32_t signal, void (*handler)(int), uint64_t flags) {
  /* Filled here: a table of pointers needs relocations. */
  struct signal_action action = {.flags = ARCH_SA_RESTORER | flags};
  action.handler = handler;
#if !defined(AGENT_HOSTED) && defined(__x86_64__)
  action.restorer = restore_signal;
#endif
  (void)sys_sigaction(signal, &action);
}

static void catch_traps(bool caught) {
  const struct signal_action standard = {.mask = 0};
  if (caught) {
    handle(SIG_SYS, (void (*)(int))(void (*)(void))trap, SIG_INFO_FLAG);
  } else {
    (void)sys_sigaction(SIG_SYS, &standard);
  }
}

void signals_select(uint64_t mask) {
  uint64_t watched = mask | BIT(SIG_CHLD);
  agent.mask = mask & ~BIT(SIG_WAKE);
  int64_t fd = sys_signalfd(agent.signals, &watched);
  if (agent.signals < 0 && !failed(fd)) agent.signals = (int32_t)fd;
  catch_traps((mask & BIT(SIG_SYS)) != 0);
  signals_block();
}

/* The kernel forgets it when a process changes its ids or capabilities (prctl(2)). */
void signals_rearm(void) { (void)sys_prctl(PR_SET_PDEATHSIG, agent.on_parent_death); }

void signals_open(uint32_t on_parent_death) {
  const struct signal_action standard = {.mask = 0};
  for (uint32_t signal = 1; signal <= SIG_LAST; signal++)
    (void)sys_sigaction(signal, &standard);
  /* No SA_RESTART: the point of the handler is that the call it interrupts returns. */
  handle(SIG_WAKE, wake, 0);
  signals_select(0);
  agent.on_parent_death = on_parent_death;
  signals_rearm();
}

void signals_reap(void) {
  struct wire_exited exited;
  struct rusage usage;
  for (;;) {
    int64_t pid = sys_wait4(&exited.status, WAIT_NOHANG | WAIT_ALL, &usage);
    if (pid == 0 || failed(pid)) return;
    exited.pid = (int32_t)pid;
    if ((exited.status & WAIT_STATUS_MASK) != WAIT_STATUS_STOPPED) orphan_forget(exited.pid);
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
    if (exits) signals_reap();
  }
}
