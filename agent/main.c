/* Owns: the first moments of the root agent: from whatever Node left behind to a known state.
 * Must not: run in a cloned child (child.c does).
 * Depends on: signals.c, loop.c. Start reading at: agent_start. */
#include <linux/resource.h>

#include "agent.h"

struct agent agent;

void agent_start(void);

#if !defined(AGENT_HOSTED)
ARCH_START;
#endif

static void standard_descriptors(void) {
  int64_t null = sys_open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int32_t fd = 0; fd <= 2; fd++)
    if (!failed(null) && null != fd) (void)sys_dup3((int32_t)null, fd, O_CLOEXEC);
}

/* Every descriptor of a tree of thousands of processes may pass through here; programs set what they want themselves. */
static void descriptor_limit(void) {
  struct rlimit64 limit = {0, 0};
  if (failed(sys_prlimit(RLIMIT_NOFILE, NULL, &limit))) return;
  limit.rlim_cur = limit.rlim_max;
  (void)sys_prlimit(RLIMIT_NOFILE, &limit, NULL);
}

void agent_start(void) {
  agent.socket = LIMIT_CONTROL;
  agent.signals = -1;
  (void)sys_setsid();
  standard_descriptors();
  (void)sys_close_range(LIMIT_KEPT, 0);
  (void)sys_fcntl(agent.socket, F_SETFD, FD_CLOEXEC);
  (void)sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
  (void)sys_prctl(PR_SET_NAME, ADDRESS("carrel"));
  descriptor_limit();
  /* A call that blocks when Node dies must return, so that the loop sees the end of the socket. */
  signals_open(SIG_WAKE);
  input_reset();
  loop_run();
}
