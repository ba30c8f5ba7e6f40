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

/* A ring: the handler may come while what it noted before is told. */
static struct {
  volatile uint32_t noted;
  uint32_t told;
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

/* The kernel forces this one, blocked or not: without a handler it would end the process. What was trapped fails with ENOSYS. */
static void trap(int signal, const struct trap *info, uint8_t *context) {
  static const int64_t result = -ENOSYS;
  (void)signal;
  if (trapped.noted - trapped.told < AT_ONCE) {
    trapped.traps[trapped.noted % AT_ONCE] = *info;
    trapped.noted++;
  }
  if (info->code == SYS_SECCOMP_) memcpy(context + ARCH_CONTEXT_RESULT, &result, sizeof(result));
}

void signals_flush(void) {
  /* What is noted meanwhile is for the next time: where sending is trapped itself, there would be no end. */
  const uint32_t end = trapped.noted;
  for (; trapped.told != end; trapped.told++) {
    const struct trap *from = &trapped.traps[trapped.told % AT_ONCE];
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
}

/* A trapped call would end the process while its signal is blocked. */
static void block(uint64_t blocked) {
  if ((agent.mask & BIT(SIG_SYS)) != 0) blocked &= ~BIT(SIG_SYS);
  (void)sys_sigprocmask(&blocked);
}

void signals_block(void) { block(~BIT(SIG_WAKE)); }

/* The connection has ended, which is all that SIG_WAKE says: one that comes late must not interrupt a clean-up program. */
void signals_rest(void) {
  block(~0ULL);
  if (agent.waking) (void)sys_timer_delete(agent.timer);
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
  } else if ((agent.mask & BIT(SIG_SYS)) != 0) {
    (void)sys_sigaction(SIG_SYS, &standard);
  }
}

void signals_select(uint64_t mask) {
  uint64_t watched = mask | BIT(SIG_CHLD);
  int64_t fd = sys_signalfd(agent.signals, &watched);
  if (agent.signals < 0 && !failed(fd)) agent.signals = (int32_t)fd;
  catch_traps((mask & BIT(SIG_SYS)) != 0);
  agent.mask = mask & ~BIT(SIG_WAKE);
  signals_block();
}

int32_t signals_on_parent_death(void) {
  int32_t signal = 0;
  return failed(sys_prctl(PR_GET_PDEATHSIG, ADDRESS(&signal))) ? agent.on_parent_death : signal;
}

void signals_rearm(int32_t on_parent_death) { (void)sys_prctl(PR_SET_PDEATHSIG, NUMBER(on_parent_death)); }

void signals_open(int32_t on_parent_death) {
  const struct signal_action standard = {.mask = 0};
  for (uint32_t signal = 1; signal <= SIG_LAST; signal++)
    (void)sys_sigaction(signal, &standard);
  agent.mask = 0;
  agent.waking = false;
  agent.on_parent_death = on_parent_death;
  signals_resume();
}

/* An exec has reset the handlers and ended the timer; setting an action again would drop a pending signal that is ignored by default. */
void signals_resume(void) {
  const bool waking = agent.waking;
  agent.waking = false;
  /* No SA_RESTART: the point of the handler is that the call it interrupts returns. */
  handle(SIG_WAKE, wake, 0);
  signals_select(agent.mask);
  signals_rearm(agent.on_parent_death);
  if (waking) wake(SIG_WAKE);
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
