/* Owns: the first moments of the root agent: from whatever its starter left behind to a known state.
 * Must not: run in a cloned child (child.c does), or serve with privileges that its starter does not have.
 * Depends on: image.c, reexec.c, signals.c, loop.c. Start reading at: agent_start. */
#include <linux/auxvec.h>
#include <linux/memfd.h>
#include <linux/resource.h>

#include "agent.h"

enum { AUXILIARY = 64, EXIT_REFUSED = 125, DECIMAL = 10, DIGITS = 9 };

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define SAY(fd, text) (void)sys_write(fd, text, sizeof(text) - 1)

struct agent agent;
char **environment;

void agent_start(uint64_t *stack);

#if !defined(AGENT_HOSTED)
ARCH_START;
#endif

/* src/process/connection/agent-file.ts looks for it before it starts a file. */
static const char version[] = "carrel-agent, protocol " TEXT(PROTOCOL_GENERATION) ", tables " TEXT(PROTOCOL_HASH) "\n";

static void standard_descriptors(void) {
  int64_t null = sys_open("/dev/null", O_RDWR | O_CLOEXEC);
  /* An empty root has none, and what the starter put there must not stay: one of them may be the control socket. */
  if (failed(null)) null = sys_memfd("null", MFD_CLOEXEC);
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

static bool is_option(const char *argument, char letter) {
  return argument[0] == '-' && argument[1] == letter && argument[2] == 0;
}

/* getauxval(3): behind the environment, which ends with a zero */
static void read_auxiliary(const uint64_t *variables, uint64_t *values) {
  while (*variables++ != 0)
    continue;
  for (; variables[0] != AT_NULL; variables += 2)
    if (variables[0] < AUXILIARY) values[variables[0]] = variables[1];
}

/* The set-user-ID bit would give its owner's system calls to whoever starts the file. sudo(8) asks rules first, and file capabilities
 * are given by an administrator to those who may execute the file. */
static void refuse_borrowed_user(const uint64_t *values) {
  if (values[AT_UID] == values[AT_EUID] && values[AT_GID] == values[AT_EGID]) return;
  SAY(2, "carrel-agent: refuses to run with the set-user-ID or set-group-ID bit\n");
  (void)sys_exit_group(EXIT_REFUSED);
}

/* The file that an earlier image of this process left: "-r12" (reexec.c); negative for another argument. */
static int32_t resumed_file(char *argument) {
  int32_t number = 0;
  if (argument[0] != '-' || argument[1] != 'r') return -1;
  for (char *digit = argument + 2; *digit >= '0' && *digit <= '9' && digit < argument + 2 + DIGITS; digit++) {
    number = number * DECIMAL + (*digit - '0');
    *digit = 0;
  }
  /* Not for ps(1) to show */
  argument[0] = argument[1] = 0;
  return number;
}

static bool socket_is(int32_t fd, uint32_t option, int32_t wanted) {
  int32_t value = 0;
  uint32_t size = sizeof(value);
  return sys_sockopt(fd, option, &value, &size) == 0 && value == wanted;
}

static void refuse_other_socket(int32_t fd) {
  if (socket_is(fd, SOCKET_DOMAIN, UNIX_DOMAIN) && socket_is(fd, SOCKET_TYPE, STREAM_TYPE)) return;
  SAY(2, "carrel-agent: its control socket did not arrive; carrel starts it, nobody else can\n");
  (void)sys_exit_group(EXIT_REFUSED);
}

/* Standard input is the only descriptor that every command hands on: from here on all is as without a command between. */
static void begin_at_standard_input(bool privileged) {
  (void)sys_dup3(0, LIMIT_CONTROL, 0);
  image_execute(privileged);
}

/* A child that has ended already is for whoever follows it to reap: the loop hears of no signal until then. */
static void await_orders(void) {
  signals_rest();
  (void)sys_close(agent.signals);
  agent.signals = -1;
}

void agent_start(uint64_t *stack) {
  const uint64_t count = stack[0];
  char none[] = "";
  char *argument = count > 1 ? (char *)(uintptr_t)stack[2] : none;
  uint64_t values[AUXILIARY] = {0};
  if (is_option(argument, 'V')) {
    SAY(1, version);
    (void)sys_exit_group(0);
  }
  /* In the place of a command that waits: its session, its streams and what it kept are this process's (follow.c). */
  const bool instead = is_option(argument, 'f');
  environment = (char **)(void *)(stack + 1 + count + 1);
  read_auxiliary(stack + 1 + count + 1, values);
  refuse_borrowed_user(values);
  const int32_t file = resumed_file(argument);
  if (file >= 0) reexec_resume(file);
  refuse_other_socket(is_option(argument, '0') ? 0 : LIMIT_CONTROL);
  if (is_option(argument, '0')) begin_at_standard_input(values[AT_SECURE] != 0);
  agent.socket = LIMIT_CONTROL;
  agent.signals = -1;
  agent.options = (struct wire_options){.signal = SIG_KILL, .grace_ms = LIMIT_GRACE_MS};
  image_remember();
  if (!instead) {
    (void)sys_setsid();
    standard_descriptors();
    (void)sys_close_range(LIMIT_KEPT, 0);
  }
  (void)sys_fcntl(agent.socket, F_SETFD, FD_CLOEXEC);
  (void)sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
  (void)sys_prctl(PR_SET_NAME, ADDRESS("carrel"));
  if (!instead) descriptor_limit();
  /* A call that blocks when Node dies must return, so that the loop sees the end of the socket. In the place of a command, the parent is
   * the command's: its end is no signal to pass on, but for the one that the caller has asked for. */
  signals_open(instead ? signals_on_parent_death() : SIG_WAKE);
  if (instead) await_orders();
  input_reset();
  loop_run();
}
