/* Owns: starting the agent without copying Node: a sealed memfd, a socket pair, vfork(2), execveat(2); or the command of a caller.
 * Must not: touch memory in the child beyond its own frame and `error`: it is Node's memory.
 * Depends on: addon.c for values. Start reading at: start. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { FIRST_FREE = 10, CONTROL = 3, TITLE_BYTES = 256, PATH_BYTES = 4096 };

/* A root agent on its way; descriptors that it does not have are -1. */
struct started {
  pid_t pid;
  int pidfd;
  int socket;
  /* What a command writes to its standard output and error */
  int output;
  /* Readable when the command has ended */
  int end;
};

static pthread_mutex_t image_lock = PTHREAD_MUTEX_INITIALIZER;
static int image = -1;

static int copy_file(int from, int to) {
  char bytes[16384];
  ssize_t size;
  while ((size = read(from, bytes, sizeof(bytes))) != 0) {
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return -1;
    for (ssize_t done = 0, now; done < size; done += now)
      if ((now = write(to, bytes + done, (size_t)(size - done))) < 0) return -1;
  }
  return 0;
}

/* Sealed, so that no process of a container can change what the next one runs (CVE-2019-5736). */
static int make_image(const char *path, const char **call) {
  const unsigned seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  *call = "open";
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  *call = "memfd_create";
  int memory = memfd_create("carrel-agent", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  /* Linux < 6.3 */
  if (memory < 0 && errno == EINVAL) memory = memfd_create("carrel-agent", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  bool good = memory >= 0 && copy_file(file, memory) == 0 && fcntl(memory, F_ADD_SEALS, seals) == 0;
  /* Away from the numbers that the child uses */
  int result = good ? fcntl(memory, F_DUPFD_CLOEXEC, FIRST_FREE) : -1;
  int error = errno;
  if (memory >= 0) close(memory);
  close(file);
  errno = error;
  return result;
}

static int get_image(const char *path, const char **call) {
  pthread_mutex_lock(&image_lock);
  if (image < 0) image = make_image(path, call);
  int result = image;
  pthread_mutex_unlock(&image_lock);
  return result;
}

/* Node unloads an addon with the last environment that uses it, which may be a worker. */
__attribute__((destructor)) static void drop_image(void) {
  if (image >= 0) close(image);
}

/* vfork(2): the child borrows this memory until it execs, so the size of Node's heap does not count. */
static pid_t launch(int program, int control, char *const *envp, volatile int *error) {
  char *const argv[] = {"carrel-agent", NULL};
  pid_t pid = vfork();
  if (pid != 0) return pid;
  int placed = control == CONTROL ? fcntl(control, F_SETFD, 0) : dup2(control, CONTROL);
  if (placed >= 0) syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
  *error = errno;
  _exit(127);
}

/* 0 or an errno */
static int start_image(int program, int control, struct started *started) {
  /* Behind argv[0]: where setproctitle(3) goes on, and otherwise an environment without a name or a value. */
  char room[TITLE_BYTES];
  char *const envp[] = {room, NULL};
  sigset_t all, before;
  volatile int error = 0;
  memset(room, ' ', sizeof(room));
  room[sizeof(room) - 1] = 0;
  /* No handler of Node may run in the child, which shares this memory; the agent sets its own mask. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  started->pid = launch(program, control, envp, &error);
  if (started->pid < 0) error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

/* As a shell would start it, but for its descriptors: sudo(8) and its kin hand on no other than the standard ones. */
static int start_command(const char *path, char *const *argv, char *const *envp, int control, struct started *started) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0) return errno;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, control, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], 2);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  int error = posix_spawn(&started->pid, path, &actions, &attributes, argv, envp);
  if (error != 0) started->pid = -1;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe[1]);
  started->output = pipe[0];
  fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  return error;
}

static void free_strings(char **strings) {
  for (char **each = strings; each != NULL && *each != NULL; each++)
    free(*each);
  free(strings);
}

/* An array of strings as execve(2) wants it, or NULL when there is no memory. */
static char **take_strings(napi_env env, napi_value values) {
  uint32_t count = 0;
  napi_get_array_length(env, values, &count);
  char **strings = calloc(count + 1, sizeof(*strings));
  for (uint32_t i = 0; strings != NULL && i < count; i++) {
    napi_value value = NULL;
    size_t size = 0;
    napi_get_element(env, values, i, &value);
    napi_get_value_string_utf8(env, value, NULL, 0, &size);
    strings[i] = calloc(size + 1, 1);
    if (strings[i] == NULL) {
      free_strings(strings);
      return NULL;
    }
    napi_get_value_string_utf8(env, value, strings[i], size + 1, NULL);
  }
  return strings;
}

static int start_with(napi_env env, napi_value *values, const char *path, int control, struct started *started) {
  char **argv = take_strings(env, values[1]);
  char **envp = take_strings(env, values[2]);
  int error = argv != NULL && envp != NULL ? start_command(path, argv, envp, control, started) : ENOMEM;
  free_strings(argv);
  free_strings(envp);
  return error;
}

/* Nothing is half-started. */
static void undo(const struct started *started) {
  if (started->pidfd >= 0) close(started->pidfd);
  if (started->output >= 0) close(started->output);
  close(started->socket);
  /* Without its socket an agent ends; a command is not asked. */
  if (started->pid > 0 && started->output >= 0) kill(started->pid, SIGKILL);
  if (started->pid > 0) waitpid(started->pid, NULL, 0);
}

static napi_value describe(napi_env env, const struct started *started) {
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "pid", number(env, started->pid));
  napi_set_named_property(env, result, "pidfd", number(env, started->pidfd));
  napi_set_named_property(env, result, "socket", number(env, started->socket));
  if (started->output >= 0) {
    napi_set_named_property(env, result, "output", number(env, started->output));
    napi_set_named_property(env, result, "end", number(env, started->end));
  }
  return result;
}

napi_value start(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  char path[PATH_BYTES] = "";
  const char *call = "open";
  bool command = false;
  int sockets[2];
  int program = -1;
  struct started started = {.pid = -1, .pidfd = -1, .output = -1, .end = -1};
  arguments(env, info, values);
  napi_is_array(env, values[1], &command);
  napi_get_value_string_utf8(env, values[0], path, sizeof(path), NULL);
  if (!command && (program = get_image(path, &call)) < 0) return throw_errno(env, call, errno);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return throw_errno(env, "socketpair", errno);
  started.socket = sockets[0];
  int error =
    command ? start_with(env, values, path, sockets[1], &started) : start_image(program, sockets[1], &started);
  close(sockets[1]);
  call = command ? "posix_spawn" : started.pid < 0 ? "vfork" : "execveat";
  if (error == 0) {
    call = "pidfd_open";
    started.pidfd = (int)syscall(SYS_pidfd_open, started.pid, 0);
    if (command && started.pidfd >= 0) started.end = fcntl(started.pidfd, F_DUPFD_CLOEXEC, 0);
    if (started.pidfd < 0 || (command && started.end < 0)) error = errno;
  }
  if (error != 0) {
    undo(&started);
    return throw_errno(env, call, error);
  }
  fcntl(started.socket, F_SETFL, O_NONBLOCK);
  return describe(env, &started);
}
