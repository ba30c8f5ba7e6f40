/* Owns: the one way to a new process, and what a fresh child must forget and set up.
 * Must not: share memory, descriptors or signal handlers with the child.
 * Depends on: descriptors.c, filter.c, signals.c, input.c, cleanup.c. Start reading at: child_clone. */
#include <linux/sched.h>

#include "agent.h"
#include "memory.h"

/* With these two processes would stand on one stack, or close each other's descriptors; CLONE_VFORK would stop this one. */
#define REFUSED (CLONE_VM | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_VFORK)

enum { ARGUMENTS, ARGUMENTS_SIZE, CONTROL, KEPT, KEPT_COUNT };

static int64_t check(struct run *run, const uint64_t *a) {
  struct clone_args arguments;
  if (a[ARGUMENTS_SIZE] < CLONE_ARGS_SIZE_VER0 || a[ARGUMENTS_SIZE] > BUFFER_BYTES) return -EINVAL;
  if (a[KEPT_COUNT] > LIMIT_DESCRIPTORS) return -EINVAL;
  if (!run_holds(run, a[ARGUMENTS], a[ARGUMENTS_SIZE])) return -EFAULT;
  if (a[KEPT_COUNT] > 0 && !run_holds(run, a[KEPT], a[KEPT_COUNT] * sizeof(int32_t))) return -EFAULT;
  memcpy(&arguments, (void *)(uintptr_t)a[ARGUMENTS], CLONE_ARGS_SIZE_VER0);
  if ((arguments.flags & REFUSED) != 0 || arguments.stack != 0) return -EINVAL;
  /* A child cannot say why it failed to begin, so what would make it fail is looked at here. */
  const uint8_t *kept = (const uint8_t *)(uintptr_t)a[KEPT];
  for (uint64_t i = 0; i < a[KEPT_COUNT]; i++) {
    int32_t fd;
    memcpy(&fd, kept + i * sizeof(fd), sizeof(fd));
    if (failed(sys_fcntl(fd, F_GETFD, 0))) return -EBADF;
  }
  return failed(sys_fcntl((int32_t)a[CONTROL], F_GETFD, 0)) ? -EBADF : 0;
}

/* Filters of engines have no clone3(2), whose flags they cannot see: as C libraries do, what an older call can do is asked of that.
 * There the signal of the end is in the lowest eight bits of the flags. */
static int64_t clone_plainly(const uint8_t *given) {
  struct clone_args arguments;
  memcpy(&arguments, given, CLONE_ARGS_SIZE_VER0);
  if (arguments.flags > UINT32_MAX || (arguments.flags & CSIGNAL) != 0) return -ENOSYS;
  return sys_clone(arguments.flags | arguments.exit_signal, arguments.pidfd);
}

static void begin(struct run *run, const uint64_t *a) {
  if (!descriptors_adopt((int32_t)a[CONTROL], (uint8_t *)(uintptr_t)a[KEPT], (uint32_t)a[KEPT_COUNT])) {
    (void)sys_exit_group(1);
    return;
  }
  run_close(run);
  agent.socket = LIMIT_CONTROL;
  agent.signals = -1;
  agent.mask = 0;
  agent.greeted = false;
  agent.detached = false;
  agent.waking = false;
  agent.orphan_count = 0;
  filter_inherit();
  agent.queue_count = 0;
  agent.attached_count = 0;
  cleanup_drop();
  input_reset();
  signals_open(SIG_KILL);
}

/* The control socket belongs to the child, whether there will be one or not. */
static void hand_over(int32_t control) {
  (void)sys_close(control);
  for (uint32_t i = 0; i < agent.attached_count; i++)
    if (agent.attached[i] == control) agent.attached[i] = -1;
}

int64_t child_clone(struct run *run, const uint64_t *a) {
  int64_t result = check(run, a);
  if (result == 0) {
    result = sys_clone3((void *)(uintptr_t)a[ARGUMENTS], a[ARGUMENTS_SIZE]);
    if (result == -ENOSYS) result = clone_plainly((const uint8_t *)(uintptr_t)a[ARGUMENTS]);
    if (result == 0) {
      run->reborn = true;
      begin(run, a);
      return 0;
    }
  }
  if ((int32_t)a[CONTROL] != agent.socket) hand_over((int32_t)a[CONTROL]);
  return result;
}
