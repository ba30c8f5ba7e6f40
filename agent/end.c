/* Owns: what happens when the connection has ended: nothing that this process owns survives it, unless it was detached or kept.
 * Must not: need Node, or wait longer than END_MS for what is to end.
 * Depends on: cleanup.c. Start reading at: finish. */
#include "agent.h"
#include "memory.h"

enum {
  END_MS = 2000,
  STEP_MS = 5,
  CHUNK_BYTES = 4096,
  DECIMAL = 10,
  PID_TEXT = 16,
  NS_PER_MS = 1000000,
  MS_PER_S = 1000
};

static int64_t now_ms(void) {
  struct __kernel_timespec now = {0, 0};
  (void)sys_clock(&now);
  return now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

void pause_for(uint32_t ms) {
  const struct __kernel_timespec time = {0, (int64_t)ms * NS_PER_MS};
  (void)sys_ppoll(NULL, 0, &time);
}

/* Whether /proc numbers processes as this process's namespace does: elsewhere its numbers are other people's. */
static bool proc_is_ours(void) {
  char text[PID_TEXT];
  int64_t length = sys_readlink("/proc/self", text, sizeof(text));
  int64_t pid = 0;
  for (int64_t i = 0; i < length && i < PID_TEXT; i++)
    pid = pid * DECIMAL + (text[i] - '0');
  return pid == sys_getpid();
}

/* What a child gets; 0 is nothing: it is waited for. */
static uint32_t signal_for(int32_t pid) {
  for (uint32_t i = 0; i < agent.orphan_count; i++)
    if (agent.orphans[i].pid == pid) return agent.orphans[i].signal;
  return agent.options.signal;
}

static bool any_kept(void) {
  bool kept = agent.options.signal == 0;
  for (uint32_t i = 0; i < agent.orphan_count; i++)
    kept = kept || agent.orphans[i].signal == 0;
  return kept;
}

static bool any_asked(void) {
  bool asked = agent.options.signal != 0 && agent.options.signal != SIG_KILL;
  for (uint32_t i = 0; i < agent.orphan_count; i++)
    asked = asked || (agent.orphans[i].signal != 0 && agent.orphans[i].signal != SIG_KILL);
  return asked;
}

void orphan_forget(int32_t pid) {
  for (uint32_t i = 0; i < agent.orphan_count; i++)
    if (agent.orphans[i].pid == pid) agent.orphans[i--] = agent.orphans[--agent.orphan_count];
}

int64_t orphan_add(const struct wire_orphan *orphan) {
  orphan_forget(orphan->pid);
  if (orphan->signal == LIMIT_NOTHING_ELSE) return 0;
  if (orphan->signal > SIG_LAST) return -EINVAL;
  /* One that was reaped meanwhile would leave its entry to a later process with its number. */
  if (failed(sys_wait_look(orphan->pid))) return -ESRCH;
  /* Without a list of its children this process could only end all of them, or none. */
  if (!proc_is_ours()) return -EOPNOTSUPP;
  if (agent.orphan_count == LIMIT_ORPHANS) return -ENOSPC;
  agent.orphans[agent.orphan_count++] = *orphan;
  return 0;
}

/* A signal that asks goes to the group that the child leads, else to it alone; a stopped one would not see it before SIGCONT. */
static void signal_child(int32_t pid, uint32_t signal) {
  if (signal == SIG_KILL) {
    (void)sys_kill(pid, signal);
  } else {
    if (failed(sys_kill(-pid, signal))) (void)sys_kill(pid, signal);
    if (failed(sys_kill(-pid, SIG_CONT))) (void)sys_kill(pid, SIG_CONT);
  }
}

enum phase { COUNT, ASK, KILL };

/* Number of children that are to end, negative when they cannot be listed: "12 345 678 ", of any length; a number may lie across two chunks. */
static int32_t end_children(enum phase phase) {
  char chunk[CHUNK_BYTES];
  int64_t pid = 0;
  int64_t size;
  int32_t count = 0;
  int64_t fd = proc_is_ours() ? sys_open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) : -ENOENT;
  if (failed(fd)) return -1;
  while ((size = sys_read((int32_t)fd, chunk, sizeof(chunk))) > 0) {
    for (int64_t i = 0; i < size; i++) {
      if (chunk[i] >= '0' && chunk[i] <= '9' && pid < INT32_MAX / DECIMAL) {
        pid = pid * DECIMAL + (chunk[i] - '0');
      } else {
        uint32_t signal = pid > 1 ? signal_for((int32_t)pid) : 0;
        if (signal != 0) count++;
        if (signal != 0 && phase != COUNT) signal_child((int32_t)pid, phase == KILL ? SIG_KILL : signal);
        pid = 0;
      }
    }
  }
  (void)sys_close((int32_t)fd);
  return count;
}

/* Takes every exit that has happened; false when there is no child left, or a filter forbids to ask. */
static bool reap(void) {
  int32_t status;
  int64_t pid;
  while ((pid = sys_wait4(&status, WAIT_NOHANG | WAIT_ALL, NULL)) > 0)
    orphan_forget((int32_t)pid);
  return !failed(pid);
}

static void await_signal(const struct __kernel_timespec *timeout) {
  uint64_t infos[CHUNK_BYTES / sizeof(uint64_t)];
  struct pollfd watched = {.fd = agent.signals, .events = POLLIN};
  if (sys_ppoll(&watched, 1, timeout) > 0) (void)sys_read(agent.signals, infos, sizeof(infos));
}

/* Again and again: the death of a child gives its children to this process (PR_SET_CHILD_SUBREAPER). */
static void kill_tree(void) {
  const struct __kernel_timespec step = {0, (int64_t)STEP_MS * NS_PER_MS};
  const bool all = sys_getpid() == 1 && !any_kept();
  const int64_t end = now_ms() + END_MS;
  while (reap() && now_ms() < end) {
    if (all) {
      (void)sys_kill(-1, SIG_KILL);
    } else if (end_children(KILL) <= 0) {
      return;
    }
    await_signal(&step);
  }
}

/* A signal that can be caught, and time to do what it asks for. */
static void ask_children(void) {
  const struct __kernel_timespec step = {0, (int64_t)STEP_MS * NS_PER_MS};
  const int64_t end = now_ms() + agent.options.grace_ms;
  if (end_children(ASK) <= 0) return;
  while (reap() && end_children(COUNT) > 0 && now_ms() < end)
    await_signal(&step);
}

static void await_tree(void) {
  while (reap())
    await_signal(NULL);
}

void finish(int32_t code) {
  if (agent.socket >= 0) (void)sys_close(agent.socket);
  agent.socket = -1;
  if (following()) follow_child();
  signals_rest();
  if (!agent.detached) {
    if (any_asked()) ask_children();
    kill_tree();
  }
  if (agent.detached || any_kept()) await_tree();
  (void)cleanup_run();
  (void)sys_exit_group(code);
  /* A filter of the container's may forbid even that; an exception it cannot. */
  __builtin_trap();
}
