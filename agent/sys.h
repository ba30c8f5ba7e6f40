/* Owns: the system calls that the agent itself makes, and the kernel structs that no uapi header gives to user space.
 * Must not: hide a result: every function returns what the kernel returned, -errno included.
 * Depends on: arch-*.h, kernel uapi headers only. Start reading at: failed. */
#ifndef SYS_H
#define SYS_H

#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/prctl.h>
#include <linux/time_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(AGENT_HOSTED)
/* The fuzz driver and the vector test put a kernel of their own here; sys_any is what a program asked for. */
int64_t sys6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
int64_t sys_any(uint32_t number, const uint64_t *a);
#define ARCH_SA_RESTORER 0U
#define ARCH_CONTEXT_RESULT 0
#elif defined(__x86_64__)
#include "arch-x86_64.h"
#elif defined(__aarch64__)
#include "arch-aarch64.h"
#else
#error "the agent knows x86-64 and arm64"
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

#define ADDRESS(pointer) ((uint64_t)(uintptr_t)(pointer))
#define NUMBER(value) ((uint64_t)(int64_t)(value))

/* asm-generic/mman-common.h and linux/signal.h clash with hosted headers or lack these, so the numbers stand here. */
enum { PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22 };
enum {
  SIG_WAKE = 64,
  SIG_KILL = 9,
  SIG_CHLD = 17,
  SIG_CONT = 18,
  SIG_SYS = 31,
  SIG_LAST = 64,
  SIG_SETMASK_ = 2,
  SIGNAL_SET_BYTES = 8
};
enum { SIG_INFO_FLAG = 4 };
enum {
  WAIT_NOHANG = 1,
  WAIT_EXITED = 4,
  WAIT_LEAVE = 0x01000000,
  WAIT_ALL = 0x40000000,
  WAIT_STATUS_MASK = 0xff,
  WAIT_STATUS_STOPPED = 0x7f
};
enum { SOCKET_LEVEL = 1, SOCKET_RIGHTS = 1, SOCKET_TYPE = 3, SOCKET_DOMAIN = 39, UNIX_DOMAIN = 1, STREAM_TYPE = 1 };
enum {
  MESSAGE_TRUNCATED_CONTROL = 8,
  MESSAGE_DONTWAIT = 0x40,
  MESSAGE_NOSIGNAL = 0x4000,
  MESSAGE_CMSG_CLOEXEC = 0x40000000
};
enum { SIGNALFD_FLAGS = O_CLOEXEC | O_NONBLOCK };

/* struct sigaction, iovec, user_msghdr and cmsghdr as the kernel reads them (include/linux/{signal,uio,socket}.h). */
struct signal_action {
  void (*handler)(int);
  uint64_t flags;
#if !defined(__aarch64__)
  void (*restorer)(void);
#endif
  uint64_t mask;
};

/* struct itimerspec and the part of struct sigevent that SIGEV_SIGNAL needs (asm-generic/siginfo.h) */
struct itimer_spec {
  struct __kernel_timespec interval;
  struct __kernel_timespec first;
};

struct signal_event {
  uint64_t value;
  int32_t signal;
  int32_t notify;
  uint64_t rest[6];
};
_Static_assert(sizeof(struct signal_event) == 64, "struct sigevent");

struct part {
  void *base;
  uint64_t length;
};

struct message {
  void *name;
  uint64_t name_length;
  struct part *parts;
  uint64_t part_count;
  void *control;
  uint64_t control_length;
  uint64_t flags;
};
_Static_assert(sizeof(struct message) == 56, "struct user_msghdr");

struct control_head {
  uint64_t length;
  int32_t level;
  int32_t type;
};

static inline bool failed(int64_t result) { return result < 0 && result >= -4095; }

#if !defined(AGENT_HOSTED)
static inline int64_t sys_any(uint32_t number, const uint64_t *a) {
  return sys6(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
#endif

static inline int64_t sys_close(int32_t fd) { return sys6(__NR_close, NUMBER(fd), 0, 0, 0, 0, 0); }

static inline int64_t sys_close_range(uint32_t first, uint32_t flags) {
  return sys6(__NR_close_range, first, ~0U, flags, 0, 0, 0);
}

static inline int64_t sys_fcntl(int32_t fd, uint32_t command, uint64_t value) {
  return sys6(__NR_fcntl, NUMBER(fd), command, value, 0, 0, 0);
}

static inline int64_t sys_dup3(int32_t from, int32_t to, uint32_t flags) {
  return sys6(__NR_dup3, NUMBER(from), NUMBER(to), flags, 0, 0, 0);
}

static inline int64_t sys_open(const char *path, uint32_t flags) {
  return sys6(__NR_openat, NUMBER(AT_FDCWD), ADDRESS(path), flags, 0, 0, 0);
}

static inline int64_t sys_read(int32_t fd, void *bytes, uint64_t size) {
  return sys6(__NR_read, NUMBER(fd), ADDRESS(bytes), size, 0, 0, 0);
}

static inline int64_t sys_write_all(int32_t fd, const void *bytes, uint64_t size) {
  const uint8_t *next = (const uint8_t *)bytes;
  while (size > 0) {
    int64_t count = sys6(__NR_write, NUMBER(fd), ADDRESS(next), size, 0, 0, 0);
    if (failed(count)) return count;
    next += count;
    size -= (uint64_t)count;
  }
  return 0;
}

static inline int64_t sys_lseek(int32_t fd, uint64_t offset) {
  return sys6(__NR_lseek, NUMBER(fd), offset, 0, 0, 0, 0);
}

static inline int64_t sys_statx(int32_t at, const char *path, uint32_t flags, uint32_t wanted, void *found) {
  return sys6(__NR_statx, NUMBER(at), ADDRESS(path), flags, wanted, ADDRESS(found), 0);
}

static inline int64_t sys_readlink(const char *path, void *bytes, uint64_t size) {
  return sys6(__NR_readlinkat, NUMBER(AT_FDCWD), ADDRESS(path), ADDRESS(bytes), size, 0, 0);
}

static inline int64_t sys_write(int32_t fd, const void *bytes, uint64_t size) {
  return sys6(__NR_write, NUMBER(fd), ADDRESS(bytes), size, 0, 0, 0);
}

static inline int64_t sys_memfd(const char *name, uint32_t flags) {
  return sys6(__NR_memfd_create, ADDRESS(name), flags, 0, 0, 0, 0);
}

static inline int64_t sys_sendfile(int32_t to, int32_t from, uint64_t size) {
  return sys6(__NR_sendfile, NUMBER(to), NUMBER(from), 0, size, 0, 0);
}

static inline int64_t sys_execveat(int32_t file, const char *path, const void *argv, const void *envp, uint32_t flags) {
  return sys6(__NR_execveat, NUMBER(file), ADDRESS(path), ADDRESS(argv), ADDRESS(envp), flags, 0);
}

static inline int64_t sys_sockopt(int32_t fd, uint32_t option, void *value, uint32_t *size) {
  return sys6(__NR_getsockopt, NUMBER(fd), SOCKET_LEVEL, option, ADDRESS(value), ADDRESS(size), 0);
}

static inline int64_t sys_recvmsg(int32_t fd, struct message *message, uint32_t flags) {
  return sys6(__NR_recvmsg, NUMBER(fd), ADDRESS(message), flags, 0, 0, 0);
}

static inline int64_t sys_sendmsg(int32_t fd, const struct message *message, uint32_t flags) {
  return sys6(__NR_sendmsg, NUMBER(fd), ADDRESS(message), flags, 0, 0, 0);
}

/* The kernel writes what is left of the time to where it has read it. */
static inline int64_t sys_ppoll(struct pollfd *fds, uint32_t count, const struct __kernel_timespec *timeout) {
  struct __kernel_timespec left = {0, 0};
  if (timeout != NULL) left = *timeout;
  return sys6(__NR_ppoll, ADDRESS(fds), count, timeout == NULL ? 0 : ADDRESS(&left), 0, SIGNAL_SET_BYTES, 0);
}

static inline int64_t sys_mmap(uint64_t size) {
  return sys6(__NR_mmap, 0, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, NUMBER(-1), 0);
}

static inline int64_t sys_munmap(void *bytes, uint64_t size) {
  return sys6(__NR_munmap, ADDRESS(bytes), size, 0, 0, 0, 0);
}

static inline int64_t sys_getpid(void) { return sys6(__NR_getpid, 0, 0, 0, 0, 0, 0); }

static inline int64_t sys_identity(uint32_t call) { return sys6(call, 0, 0, 0, 0, 0, 0); }

static inline int64_t sys_ioctl(int32_t fd, uint32_t request, void *value) {
  return sys6(__NR_ioctl, NUMBER(fd), request, ADDRESS(value), 0, 0, 0);
}

static inline int64_t sys_setsid(void) { return sys6(__NR_setsid, 0, 0, 0, 0, 0, 0); }

static inline int64_t sys_prctl(uint32_t option, uint64_t value) { return sys6(__NR_prctl, option, value, 0, 0, 0, 0); }

static inline int64_t sys_kill(int32_t pid, uint32_t signal) {
  return sys6(__NR_kill, NUMBER(pid), signal, 0, 0, 0, 0);
}

static inline int64_t sys_wait4(int32_t *status, uint32_t options, void *usage) {
  return sys6(__NR_wait4, NUMBER(-1), ADDRESS(status), options, ADDRESS(usage), 0, 0);
}

/* 0 for a child, ended or not: it stays to be waited for. P_PID, and WEXITED with WNOWAIT (linux/wait.h). */
static inline int64_t sys_wait_look(int32_t pid) {
  return sys6(__NR_waitid, 1, NUMBER(pid), 0, WAIT_NOHANG | WAIT_ALL | WAIT_EXITED | WAIT_LEAVE, 0, 0);
}

static inline int64_t sys_sigaction(uint32_t signal, const struct signal_action *action) {
  return sys6(__NR_rt_sigaction, signal, ADDRESS(action), 0, SIGNAL_SET_BYTES, 0, 0);
}

static inline int64_t sys_sigprocmask(const uint64_t *mask) {
  return sys6(__NR_rt_sigprocmask, SIG_SETMASK_, ADDRESS(mask), 0, SIGNAL_SET_BYTES, 0, 0);
}

static inline int64_t sys_signalfd(int32_t fd, const uint64_t *mask) {
  return sys6(__NR_signalfd4, NUMBER(fd), ADDRESS(mask), SIGNAL_SET_BYTES, SIGNALFD_FLAGS, 0, 0);
}

static inline int64_t sys_clone3(void *arguments, uint64_t size) {
  return sys6(__NR_clone3, ADDRESS(arguments), size, 0, 0, 0, 0);
}

/* Arguments behind the third are zero, so that their order, which differs by machine, does not matter. */
static inline int64_t sys_clone(uint64_t flags, uint64_t pidfd) { return sys6(__NR_clone, flags, 0, pidfd, 0, 0, 0); }

static inline int64_t sys_clock(struct __kernel_timespec *now) {
  return sys6(__NR_clock_gettime, 1, ADDRESS(now), 0, 0, 0, 0);
}

static inline int64_t sys_timer_create(const struct signal_event *event, int32_t *timer) {
  return sys6(__NR_timer_create, 1, ADDRESS(event), ADDRESS(timer), 0, 0, 0);
}

static inline int64_t sys_timer_set(int32_t timer, const struct itimer_spec *spec) {
  return sys6(__NR_timer_settime, NUMBER(timer), 0, ADDRESS(spec), 0, 0, 0);
}

static inline int64_t sys_timer_delete(int32_t timer) { return sys6(__NR_timer_delete, NUMBER(timer), 0, 0, 0, 0, 0); }

static inline int64_t sys_prlimit(uint32_t resource, const void *set, void *get) {
  return sys6(__NR_prlimit64, 0, resource, ADDRESS(set), ADDRESS(get), 0, 0);
}

static inline int64_t sys_exit_group(int32_t code) { return sys6(__NR_exit_group, NUMBER(code), 0, 0, 0, 0, 0); }

#endif
