/* Owns: starting the agent without copying Node: a sealed memfd, a socket pair, vfork(2), execveat(2).
 * Must not: touch memory in the child beyond its own frame and `error`: it is Node's memory.
 * Depends on: addon.c for values. Start reading at: start. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { FIRST_FREE = 10, CONTROL = 3 };

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
static pid_t launch(int program, int control, volatile int *error) {
  char *const argv[] = {"carrel-agent", NULL};
  char *const envp[] = {NULL};
  pid_t pid = vfork();
  if (pid != 0) return pid;
  int placed = control == CONTROL ? fcntl(control, F_SETFD, 0) : dup2(control, CONTROL);
  if (placed >= 0) syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
  *error = errno;
  _exit(127);
}

napi_value start(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  char path[4096] = "";
  const char *call = "open";
  int sockets[2];
  sigset_t all, before;
  volatile int error = 0;
  arguments(env, info, values);
  napi_get_value_string_utf8(env, values[0], path, sizeof(path), NULL);
  int program = get_image(path, &call);
  if (program < 0) return throw_errno(env, call, errno);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) return throw_errno(env, "socketpair", errno);
  /* No handler of Node may run in the child, which shares this memory; the agent sets its own mask. */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = launch(program, sockets[1], &error);
  if (pid < 0) error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(sockets[1]);
  int pidfd = pid > 0 && error == 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
  if (pidfd < 0) {
    call = pid < 0 ? "vfork" : error != 0 ? "execveat" : "pidfd_open";
    if (error == 0) error = errno;
    close(sockets[0]);
    if (pid > 0) waitpid(pid, NULL, 0);
    return throw_errno(env, call, error);
  }
  fcntl(sockets[0], F_SETFL, O_NONBLOCK);
  napi_value result;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "pid", number(env, pid));
  napi_set_named_property(env, result, "pidfd", number(env, pidfd));
  napi_set_named_property(env, result, "socket", number(env, sockets[0]));
  return result;
}
