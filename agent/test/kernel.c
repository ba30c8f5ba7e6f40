/* Owns: a kernel that touches nothing: the hosted agent of the fuzz driver and the vector test runs on it.
 * Must not: make a real system call for the agent.
 * Depends on: the C library. Start reading at: sys6. */
#include "kernel.h"

#include <linux/stat.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../agent.h"

enum { MAPS = 64, FD_BASE = 1000, FDS = 4096, PID = 42, CHILD = 77, ECHO = 1000, SIGINFO = 128 };
/* Descriptors: of any file that is opened, of the state that an exec leaves, and one of another file than the agent's */
enum { OPENED = 5, MEMORY = 6, FOREIGN = 9, MEMORY_BYTES = 1 << 20 };

struct kernel kernel;

static struct {
  jmp_buf end;
  jmp_buf exec;
  int code;
  struct {
    uint8_t bytes[MEMORY_BYTES];
    uint64_t size;
    uint64_t at;
    /* Bytes of the first write: registered programs stand behind them. */
    uint64_t head;
  } memory;
  struct {
    uint8_t *bytes;
    uint64_t size;
  } maps[MAPS];
  bool open[FDS];
  unsigned next_fd;
  int64_t now;
  void (*handlers[SIG_LAST + 1])(int);
  /* Header of the frame that is being delivered, to know how many descriptors belong to it */
  uint8_t header[sizeof(struct wire_frame)];
  uint64_t header_bytes;
  uint64_t body_bytes;
  unsigned pending_fds;
} state;

uint64_t kernel_random(void) {
  kernel.random ^= kernel.random << 13;
  kernel.random ^= kernel.random >> 7;
  kernel.random ^= kernel.random << 17;
  return kernel.random;
}

static bool one_in(unsigned n) { return kernel.random != 0 && kernel_random() % n == 0; }

static void die(const char *message) {
  fprintf(stderr, "%s\n", message);
  abort();
}

/* Exact allocations, so that AddressSanitizer sees a byte too many. */
static int64_t map(uint64_t size) {
  if (one_in(200)) return -ENOMEM;
  for (unsigned i = 0; i < MAPS; i++) {
    if (state.maps[i].bytes != NULL) continue;
    state.maps[i].bytes = calloc(1, size);
    state.maps[i].size = size;
    if (state.maps[i].bytes == NULL) die("out of memory");
    return (int64_t)(uintptr_t)state.maps[i].bytes;
  }
  return -ENOMEM;
}

static int64_t unmap(uint64_t address, uint64_t size) {
  for (unsigned i = 0; i < MAPS; i++) {
    if (state.maps[i].bytes == NULL || ADDRESS(state.maps[i].bytes) != address) continue;
    if (state.maps[i].size != size) die("munmap of another size than mmap");
    free(state.maps[i].bytes);
    state.maps[i].bytes = NULL;
    return 0;
  }
  die("munmap of what was never mapped");
  return 0;
}

static int64_t close_fd(int32_t fd) {
  if (fd < FD_BASE || fd >= FD_BASE + FDS) return 0;
  bool was = state.open[fd - FD_BASE];
  state.open[fd - FD_BASE] = false;
  return was ? 0 : -EBADF;
}

/* Follows the frames in the bytes that go by; a header announces descriptors, which come with its first byte. */
static void follow(const uint8_t *bytes, size_t size) {
  while (size > 0) {
    if (state.body_bytes > 0) {
      size_t skip = state.body_bytes < size ? (size_t)state.body_bytes : size;
      state.body_bytes -= skip;
      bytes += skip;
      size -= skip;
      continue;
    }
    struct wire_frame frame;
    state.header[state.header_bytes++] = *bytes++;
    size--;
    if (state.header_bytes < sizeof(frame)) continue;
    memcpy(&frame, state.header, sizeof(frame));
    state.header_bytes = 0;
    state.body_bytes = frame.length;
    state.pending_fds += frame.descriptors > 300 ? 300 : frame.descriptors;
    kernel.frames++;
  }
}

static void deliver_fds(struct message *message) {
  unsigned count = state.pending_fds > LIMIT_DESCRIPTORS ? LIMIT_DESCRIPTORS : state.pending_fds;
  if (one_in(50)) count = (unsigned)(kernel_random() % LIMIT_DESCRIPTORS);
  message->flags = count > 0 && one_in(20) ? MESSAGE_TRUNCATED_CONTROL : 0;
  state.pending_fds = 0;
  if (count == 0) {
    message->control_length = 0;
    return;
  }
  struct control_head head = {sizeof(head) + count * sizeof(int32_t), SOCKET_LEVEL, SOCKET_RIGHTS};
  if (head.length > message->control_length) die("control buffer is too small for SCM_MAX_FD");
  memcpy(message->control, &head, sizeof(head));
  for (unsigned i = 0; i < count; i++) {
    int32_t fd = (int32_t)(FD_BASE + state.next_fd);
    state.open[state.next_fd] = true;
    state.next_fd = (state.next_fd + 1) % FDS;
    memcpy((uint8_t *)message->control + sizeof(head) + i * sizeof(fd), &fd, sizeof(fd));
  }
  message->control_length = head.length;
}

static int64_t receive(struct message *message) {
  if (one_in(100)) return -EINTR;
  if (one_in(100)) return -EAGAIN;
  if (message->parts->length == 0) die("recvmsg without room");
  size_t size = kernel.more(message->parts->base, message->parts->length);
  follow(message->parts->base, size);
  deliver_fds(message);
  return (int64_t)size;
}

static int64_t transmit(const struct message *message) {
  if (one_in(300)) return -EPIPE;
  if (one_in(300)) return -EBADF;
  if (one_in(50)) return -EINTR;
  if (one_in(50)) return -EAGAIN;
  uint64_t total = 0;
  for (uint64_t i = 0; i < message->part_count; i++) {
    const struct part *part = &message->parts[i];
    uint64_t size = one_in(20) ? 1 + kernel_random() % part->length : part->length;
    if (kernel.sent != NULL) kernel.sent(part->base, size);
    total += size;
    if (size < part->length) break;
  }
  return (int64_t)total;
}

static int64_t poll_fds(struct pollfd *fds, uint64_t count) {
  if (one_in(50)) return -EINTR;
  if (fds == NULL) return 0;
  for (uint64_t i = 0; i < count; i++)
    fds[i].revents = i == 0 || one_in(5) ? POLLIN : 0;
  return 1;
}

static int64_t read_memory(uint8_t *bytes, uint64_t size) {
  uint64_t rest = state.memory.size - state.memory.at;
  if (size > rest) size = rest;
  memcpy(bytes, state.memory.bytes + state.memory.at, size);
  state.memory.at += size;
  return (int64_t)size;
}

static int64_t write_fd(int32_t fd, const uint8_t *bytes, uint64_t size) {
  if (one_in(50)) return -ENOSPC;
  if (fd != MEMORY) return (int64_t)size;
  if (size > MEMORY_BYTES - state.memory.size) return -ENOSPC;
  if (state.memory.size == 0) state.memory.head = size;
  if (size > 1 && one_in(20)) size--;
  memcpy(state.memory.bytes + state.memory.size, bytes, size);
  state.memory.size += size;
  return (int64_t)size;
}

static int64_t new_memory(void) {
  if (one_in(10)) return -EMFILE;
  state.memory.size = 0;
  return MEMORY;
}

/* Whoever starts the agent may have written the programs in its state himself: a changed word, or an end too early. */
static void forge(void) {
  const uint64_t programs = state.memory.size - state.memory.head;
  if (programs < sizeof(uint32_t) || !one_in(4)) return;
  if (one_in(2)) {
    state.memory.size -= kernel_random() % programs;
  } else {
    uint32_t value = one_in(2) ? ~0U : (uint32_t)kernel_random() % 1024;
    uint64_t words = one_in(2) ? 3 : programs / sizeof(value);
    memcpy(state.memory.bytes + state.memory.head + kernel_random() % words * sizeof(value), &value, sizeof(value));
  }
}

static int64_t execute(void) {
  if (one_in(3)) return -ENOENT;
  state.memory.at = 0;
  if (kernel.random != 0) forge();
  longjmp(state.exec, 1);
}

static int64_t set_action(uint64_t signal, const struct signal_action *action) {
  if (signal > SIG_LAST) return -EINVAL;
  state.handlers[signal] = action->handler;
  return 0;
}

/* A system call that seccomp(2) traps, or a signal while one is made: `info` and `context` as trap() reads them (signals.c) */
static void interrupt(int signal) {
  uint64_t info[SIGINFO / sizeof(uint64_t)];
  uint8_t context[sizeof(int64_t)];
  void (*handler)(int) = state.handlers[signal];
  if (handler == NULL) return;
  for (unsigned i = 0; i < SIGINFO / sizeof(info[0]); i++)
    info[i] = kernel_random() % 2;
  ((void (*)(int, const void *, void *))(void (*)(void))handler)(signal, info, context);
}

static int64_t identify(int32_t fd, struct statx *found) {
  if (one_in(20)) return -ENOSYS;
  memset(found, 0, sizeof(*found));
  found->stx_ino = fd == FOREIGN ? 2 : agent.image.inode;
  return 0;
}

static int64_t read_fd(int32_t fd, uint8_t *bytes, uint64_t size) {
  if (fd == MEMORY) return read_memory(bytes, size);
  if (one_in(2) || kernel.random == 0) return fd == agent.signals ? -EAGAIN : 0;
  if (fd == agent.signals) {
    size = SIGINFO * (1 + kernel_random() % (size / SIGINFO > 0 ? size / SIGINFO : 1));
    for (uint64_t i = 0; i < size; i++)
      bytes[i] = (uint8_t)kernel_random();
    for (uint64_t i = 0; i < size; i += SIGINFO) {
      uint32_t number = one_in(2) ? SIG_CHLD : (uint32_t)(1 + kernel_random() % SIG_LAST);
      memcpy(bytes + i, &number, sizeof(number));
    }
    return (int64_t)size;
  }
  size = 1 + kernel_random() % size;
  for (uint64_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(one_in(5) ? ' ' : '0' + kernel_random() % 10);
  return (int64_t)size;
}

static int64_t wait_child(int32_t *status, uint8_t *usage) {
  if (!one_in(3)) return one_in(2) ? 0 : -ECHILD;
  *status = (int32_t)kernel_random();
  if (usage != NULL) memset(usage, 1, 144);
  return CHILD;
}

static int64_t fcntl_fd(uint64_t command, uint64_t value) {
  if (command == F_GETFD) return one_in(10) ? -EBADF : 0;
  if (command == F_DUPFD_CLOEXEC) return one_in(10) ? -EMFILE : (int64_t)value;
  return 0;
}

_Noreturn static void end(int code) {
  state.code = code;
  longjmp(state.end, 1);
}

int64_t sys6(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
  (void)d, (void)f;
  switch (number) {
    case __NR_mmap:
      return map(b);
    case __NR_munmap:
      return unmap(a, b);
    case __NR_close:
      return close_fd((int32_t)a);
    case __NR_recvmsg:
      return receive((void *)(uintptr_t)b);
    case __NR_sendmsg:
      return transmit((void *)(uintptr_t)b);
    case __NR_ppoll:
      return poll_fds((void *)(uintptr_t)a, b);
    case __NR_read:
      return read_fd((int32_t)a, (void *)(uintptr_t)b, c);
    case __NR_wait4:
      return wait_child((void *)(uintptr_t)b, (void *)(uintptr_t)d);
    case __NR_fcntl:
      return fcntl_fd(b, c);
    case __NR_clone3:
      if (one_in(4)) return 0;
      return one_in(4) ? -EPERM : CHILD;
    case __NR_dup3:
      return one_in(10) ? -EBUSY : (int64_t)b;
    case __NR_getpid:
      return one_in(20) ? 1 : PID;
    case __NR_readlinkat:
      memcpy((void *)(uintptr_t)c, "42", 2);
      return 2;
    case __NR_openat:
      return one_in(3) ? -ENOENT : OPENED;
    case __NR_signalfd4:
      return 4;
    case __NR_rt_sigaction:
      return set_action(a, (void *)(uintptr_t)b);
    case __NR_write:
      return write_fd((int32_t)a, (void *)(uintptr_t)b, c);
    case __NR_memfd_create:
      return new_memory();
    case __NR_statx:
      return identify((int32_t)a, (void *)(uintptr_t)e);
    case __NR_execveat:
      /* By a path: another program than the agent */
      return (int32_t)a == AT_FDCWD ? -ENOENT : execute();
    case __NR_clock_gettime:
      state.now += 300000000;
      *(struct __kernel_timespec *)(uintptr_t)b = (struct __kernel_timespec){state.now / 1000000000, 0};
      return 0;
    case __NR_exit_group:
      end((int)a);
    default:
      return 0;
  }
}

/* A program's own call: number ECHO answers its first argument, so that vectors choose results; others are refused. */
int64_t sys_any(uint32_t number, const uint64_t *a) {
  if (kernel.random == 0) return number == ECHO ? (int64_t)a[0] : -ENOSYS;
  if (number == __NR_exit_group && one_in(2)) end(0);
  for (unsigned i = 0; one_in(20) && i < 16; i++)
    interrupt(one_in(4) ? SIG_WAKE : SIG_SYS);
  /* What a kernel does to memory: only inside one mapping, where a program's pointers are good. */
  uint64_t address = a[kernel_random() % 6];
  int32_t value = (int32_t)kernel_random();
  for (unsigned i = 0; i < MAPS; i++) {
    uint64_t at = address - ADDRESS(state.maps[i].bytes);
    if (state.maps[i].bytes == NULL || at >= state.maps[i].size || state.maps[i].size - at < sizeof(value)) continue;
    /* Data and reply lie at the end; what stands before them is not the program's to write. */
    if (at >= state.maps[i].size / 2 && one_in(2)) memcpy(state.maps[i].bytes + at, &value, sizeof(value));
  }
  if (one_in(4)) return -(int64_t)(1 + kernel_random() % 200);
  return one_in(4) ? (int64_t)kernel_random() : (int64_t)(kernel_random() % 64);
}

unsigned kernel_leaked(void) {
  unsigned count = 0;
  for (unsigned i = 0; i < FDS; i++)
    count += state.open[i];
  return count;
}

/* All memory that the agent has mapped */
static void drop_memory(void) {
  input_reset();
  for (unsigned i = 0; i < MAPS; i++) {
    free(state.maps[i].bytes);
    state.maps[i].bytes = NULL;
  }
}

/* A fresh image has nothing but the file that the old one left. */
static void begin(void) {
  if (setjmp(state.exec) == 0) loop_run();
  drop_memory();
  memset(&agent, 0, sizeof(agent));
  reexec_resume(MEMORY);
}

int kernel_connection(void) {
  memset(&agent, 0, sizeof(agent));
  memset(state.open, 0, sizeof(state.open));
  state.next_fd = 0;
  state.header_bytes = 0;
  state.body_bytes = 0;
  state.pending_fds = 0;
  agent.socket = LIMIT_CONTROL;
  agent.signals = -1;
  agent.options.signal = SIG_KILL;
  agent.image.inode = 1;
  signals_open(SIG_WAKE);
  input_reset();
  if (setjmp(state.end) == 0) begin();
  drop_memory();
  return state.code;
}
