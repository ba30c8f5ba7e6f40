/* Owns: becoming a fresh image of the same binary, with another address layout, and staying who this process is to Node.
 * Must not: lose an order, a registered program, a filter; or gain a capability that was given up.
 * Depends on: image.c, cleanup.c, signals.c, input.c. Start reading at: reexec. */
#include <linux/capability.h>
#include <linux/memfd.h>

#include "agent.h"
#include "memory.h"

enum { ARGUMENT_BYTES = 16, DECIMAL = 10, CAPABILITY_WORDS = 2 };

/* MFD_NOEXEC_SEAL, Linux 6.3 */
#define NOEXEC_SEAL 0x0008U

/* What an exec takes away; the file goes on with the registered programs. */
struct saved {
  uint64_t hash;
  struct agent agent;
  struct __user_cap_data_struct capabilities[CAPABILITY_WORDS];
  int32_t dumpable;
};

static int64_t capabilities(bool set, struct __user_cap_data_struct *data) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  return sys6(set ? __NR_capset : __NR_capget, ADDRESS(&header), ADDRESS(data), 0, 0, 0, 0);
}

static int64_t save(int32_t file) {
  struct saved saved = {.hash = PROTOCOL_HASH, .agent = agent};
  saved.agent.on_parent_death = signals_on_parent_death();
  int64_t result = capabilities(false, saved.capabilities);
  saved.dumpable = (int32_t)sys_prctl(PR_GET_DUMPABLE, 0);
  if (!failed(result)) result = sys_write_all(file, &saved, sizeof(saved));
  return failed(result) ? result : cleanup_save(file);
}

/* "-r" and the number of the file. */
static void write_argument(char *to, int32_t number) {
  char digits[ARGUMENT_BYTES];
  uint32_t count = 0;
  do {
    digits[count++] = (char)('0' + number % DECIMAL);
    number /= DECIMAL;
  } while (number > 0);
  *to++ = '-';
  *to++ = 'r';
  while (count > 0)
    *to++ = digits[--count];
  *to = 0;
}

/* Whether an exec leaves those open that are the agent's own: standard ones, the socket, those of registered programs. */
static void pass_descriptors(bool through_exec) {
  const uint64_t flag = through_exec ? 0 : FD_CLOEXEC;
  for (int32_t fd = 0; fd <= 2; fd++)
    (void)sys_fcntl(fd, F_SETFD, flag);
  (void)sys_fcntl(agent.socket, F_SETFD, flag);
  cleanup_pass(through_exec);
}

static int64_t execute(int32_t binary, int32_t file) {
  char option[ARGUMENT_BYTES];
  const uint64_t all = ~0ULL;
  write_argument(option, file);
  pass_descriptors(true);
  /* The default action of SIG_WAKE, before the new image has its handler, would be the end. */
  (void)sys_sigprocmask(&all);
  int64_t result = image_replace(binary, option);
  signals_block();
  pass_descriptors(false);
  return result;
}

static bool same_user(void) {
  return sys_identity(__NR_getuid) == sys_identity(__NR_geteuid) &&
         sys_identity(__NR_getgid) == sys_identity(__NR_getegid);
}

int64_t reexec(const uint64_t *a) {
  /* What it executes at the end lies in this image's memory. */
  if (following()) return -EBUSY;
  /* A clean-up program: the new image would wait for orders for ever. */
  if (agent.socket < 0) return -ENOTCONN;
  /* What has been read from the socket would be lost. */
  if (input_pending()) return -EBUSY;
  /* The new image could not tell this from a file with the set-user-ID bit (main.c). */
  if (!same_user()) return -EPERM;
  int64_t file = sys_memfd("carrel-state", NOEXEC_SEAL);
  if (file == -EINVAL) file = sys_memfd("carrel-state", 0);
  if (failed(file)) return file;
  int64_t result = save((int32_t)file);
  if (!failed(result)) result = execute((int32_t)a[0], (int32_t)file);
  (void)sys_close((int32_t)file);
  return result;
}

/* Exec gives a user 0 all capabilities back (capabilities(7)): none that had been given up may stay. */
static void restore_capabilities(const struct __user_cap_data_struct *before) {
  struct __user_cap_data_struct now[CAPABILITY_WORDS];
  if (failed(capabilities(false, now))) finish(1);
  for (uint32_t i = 0; i < CAPABILITY_WORDS; i++) {
    now[i].permitted &= before[i].permitted;
    now[i].effective = before[i].effective & now[i].permitted;
    now[i].inheritable &= before[i].inheritable;
  }
  if (failed(capabilities(true, now))) finish(1);
}

static void greet(void) {
  struct wire_hello hello = {.generation = PROTOCOL_GENERATION, .pid = (int32_t)sys_getpid(), .hash = PROTOCOL_HASH};
  struct part part = {&hello, sizeof(hello)};
  (void)output_send(FRAME_ANSWER_HELLO, agent.order, &part, 1, NULL, 0);
}

/* Whoever may start the agent can hand it a file of his own making. */
static bool read_state(int32_t file, struct saved *saved) {
  int64_t size = sys_lseek(file, 0);
  if (!failed(size)) size = sys_read(file, saved, sizeof(*saved));
  return size == sizeof(*saved) && saved->hash == PROTOCOL_HASH && saved->agent.orphan_count <= LIMIT_ORPHANS;
}

void reexec_resume(int32_t file) {
  struct saved saved;
  if (!read_state(file, &saved)) (void)sys_exit_group(1);
  /* Before anything else: an exec makes a process that others could not look into dumpable again. */
  (void)sys_prctl(PR_SET_DUMPABLE, saved.dumpable == 1);
  agent = saved.agent;
  agent.signals = -1;
  agent.queue_count = 0;
  agent.attached_count = 0;
  agent.cleanups = NULL;
  (void)sys_prctl(PR_SET_NAME, ADDRESS("carrel"));
  input_reset();
  signals_resume();
  restore_capabilities(saved.capabilities);
  cleanup_load(file);
  (void)sys_close(file);
  pass_descriptors(false);
  greet();
  /* Children that ended meanwhile: their signal is pending, or was merged with another. */
  signals_reap();
  loop_run();
}
