/* Owns: the module's exports, the small calls on descriptors, and values from and to JavaScript.
 * Must not: keep anything that is not an instance's: workers load this too.
 * Depends on: launch.c, channel.c. Start reading at: NAPI_MODULE_INIT. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc 2.36 and musl name it differently; the number is the kernel's. */
enum { WAIT_PIDFD = 3 };

/* Of libuv, exported by the node binary */
const char *uv_err_name(int error);
const char *uv_strerror(int error);

/* Knows every errno, which libuv does not (ENOEXEC); glibc from 2.32 on has it, musl has not. */
extern const char *strerrorname_np(int error) __attribute__((weak));

napi_value throw_errno(napi_env env, const char *call, int error) {
  napi_value message, code, object, text;
  const char *name = strerrorname_np != NULL ? strerrorname_np(error) : NULL;
  napi_create_string_utf8(env, name != NULL ? name : uv_err_name(-error), NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, uv_strerror(-error), NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, code, message, &object);
  napi_create_string_utf8(env, call, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, "syscall", text);
  napi_throw(env, object);
  return NULL;
}

/* Missing or wrong arguments read as `undefined`, 0 and empty: src/kernel/addon.ts gives the types. */
struct instance *arguments(napi_env env, napi_callback_info info, napi_value *values) {
  struct instance *instance = NULL;
  size_t count = ARGUMENTS;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  napi_get_instance_data(env, (void **)&instance);
  return instance;
}

int integer(napi_env env, napi_value value) {
  int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

napi_value number(napi_env env, int64_t value) {
  napi_value result = NULL;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value numbers(napi_env env, const int *values, uint32_t count) {
  napi_value array = NULL;
  napi_create_array_with_length(env, count, &array);
  for (uint32_t i = 0; i < count; i++)
    napi_set_element(env, array, i, number(env, values[i]));
  return array;
}

void *pages(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static napi_value make_socketpair(napi_env env, napi_callback_info info) {
  (void)info;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return throw_errno(env, "socketpair", errno);
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  return numbers(env, fds, 2);
}

static napi_value make_pipe(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  int fds[2];
  arguments(env, info, values);
  if (pipe2(fds, O_CLOEXEC) < 0) return throw_errno(env, "pipe2", errno);
  int capacity = integer(env, values[0]);
  /* Refused beyond the user's share (pipe(7)): the pipe then keeps its usual size. */
  if (capacity > 0) (void)fcntl(fds[1], F_SETPIPE_SZ, capacity);
  return numbers(env, fds, 2);
}

static napi_value nonblock(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  int fd = integer(env, values[0]);
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return throw_errno(env, "fcntl", errno);
  return NULL;
}

static napi_value winsize(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  struct winsize size = {.ws_row = (unsigned short)integer(env, values[1]),
                         .ws_col = (unsigned short)integer(env, values[2])};
  return number(env, ioctl(integer(env, values[0]), TIOCSWINSZ, &size) < 0 ? errno : 0);
}

static napi_value send_signal(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  long result = syscall(SYS_pidfd_send_signal, integer(env, values[0]), integer(env, values[1]), NULL, 0);
  return number(env, result < 0 ? errno : 0);
}

static napi_value reap(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  napi_value result;
  siginfo_t exit = {.si_pid = 0};
  arguments(env, info, values);
  int error = waitid((idtype_t)WAIT_PIDFD, (id_t)integer(env, values[0]), &exit, WEXITED | WNOHANG) < 0 ? errno : 0;
  if (error != 0) return throw_errno(env, "waitid", error);
  napi_get_null(env, &result);
  if (exit.si_pid == 0) return result;
  int core = exit.si_code == CLD_DUMPED ? 0x80 : 0;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "status",
                          number(env, exit.si_code == CLD_EXITED ? exit.si_status << 8 : exit.si_status | core));
  return result;
}

void instance_end(struct instance *instance) {
  napi_remove_async_cleanup_hook(instance->hook);
  munmap(instance, sizeof(*instance));
}

/* The environment waits until libuv has let go of every handle. */
static void on_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct instance *instance = data;
  instance->ending = true;
  channels_close(instance);
  if (instance->channels == NULL) instance_end(instance);
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
    {"start", start},         {"socketpair", make_socketpair},
    {"pipe", make_pipe},      {"nonblock", nonblock},
    {"winsize", winsize},     {"signal", send_signal},
    {"reap", reap},           {"watch", channel_watch},
    {"send", channel_send},   {"onWritable", channel_on_writable},
    {"ref", channel_ref},     {"unref", channel_unref},
    {"close", channel_close}, {"shutdown", channel_shutdown},
    {"pause", channel_pause}, {"resume", channel_resume},
    {"limit", channel_limit}, {"pending", channel_pending},
    {"syscall", system_call}, {"address", address},
  };
  struct instance *instance = pages(sizeof(*instance));
  if (instance == NULL) return NULL;
  instance->env = env;
  napi_get_uv_event_loop(env, (void *)&instance->loop);
  napi_set_instance_data(env, instance, NULL, NULL);
  napi_add_async_cleanup_hook(env, on_end, instance, &instance->hook);
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
