/* Owns: what happens when the connection has ended: nothing that this process owns survives it, unless it was detached.
 * Must not: need Node, or wait longer than END_MS.
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

/* "12 345 678 ", of any length; a number may lie across two chunks. */
static bool kill_children(void) {
  char chunk[CHUNK_BYTES];
  int64_t pid = 0;
  int64_t size;
  int64_t fd = proc_is_ours() ? sys_open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC) : -ENOENT;
  if (failed(fd)) return false;
  while ((size = sys_read((int32_t)fd, chunk, sizeof(chunk))) > 0) {
    for (int64_t i = 0; i < size; i++) {
      if (chunk[i] >= '0' && chunk[i] <= '9' && pid < INT32_MAX / DECIMAL) {
        pid = pid * DECIMAL + (chunk[i] - '0');
      } else {
        if (pid > 1) (void)sys_kill((int32_t)pid, SIG_KILL);
        pid = 0;
      }
    }
  }
  (void)sys_close((int32_t)fd);
  return true;
}

/* Takes every exit that has happened; false when there is no child left. */
static bool reap(void) {
  int32_t status;
  int64_t pid;
  do
    pid = sys_wait4(&status, WAIT_NOHANG | WAIT_ALL, NULL);
  while (pid > 0);
  return pid != -ECHILD;
}

static void await_signal(const struct __kernel_timespec *timeout) {
  uint64_t infos[CHUNK_BYTES / sizeof(uint64_t)];
  struct pollfd watched = {.fd = agent.signals, .events = POLLIN};
  if (sys_ppoll(&watched, 1, timeout) > 0) (void)sys_read(agent.signals, infos, sizeof(infos));
}

/* Again and again: the death of a child gives its children to this process (PR_SET_CHILD_SUBREAPER). */
static void kill_tree(void) {
  const struct __kernel_timespec step = {0, (int64_t)STEP_MS * NS_PER_MS};
  const bool init = sys_getpid() == 1;
  const int64_t end = now_ms() + END_MS;
  while (reap() && now_ms() < end) {
    if (init) {
      (void)sys_kill(-1, SIG_KILL);
    } else if (!kill_children()) {
      return;
    }
    await_signal(&step);
  }
}

static void await_tree(void) {
  while (reap())
    await_signal(NULL);
}

void finish(int32_t code) {
  if (agent.socket >= 0) (void)sys_close(agent.socket);
  agent.socket = -1;
  if (agent.detached) {
    await_tree();
  } else {
    kill_tree();
  }
  cleanup_run();
  for (;;)
    (void)sys_exit_group(code);
}
