/* Owns: standing in for a command that started a process and waits for it: its signals, its terminal, its end.
 * Must not: begin before the connection has ended, or need whoever gave the agent.followed.
 * Depends on: cleanup.c. Start reading at: follow_child. */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/signalfd.h>

#include "agent.h"
#include "memory.h"

/* Half of it: what the master of a terminal takes at once without being read (N_TTY_BUF_SIZE of the kernel). */
enum {
  RELAY_BYTES = 2048,
  WORDS = 64,
  DECIMAL = 10,
  DIGITS = 8,
  SIG_WINCH = 28,
  EXIT_SIGNALED = 128,
  EXIT_FAILED = 125,
  LOOK_NS = 100000000
};

/* The terminal's master is the first descriptor that was kept. */
enum { INPUT, OUTPUT, MASTER = LIMIT_KEPT };

struct window {
  uint16_t rows, columns, width, height;
};

/* What was typed and is not taken yet */
static struct {
  char bytes[RELAY_BYTES];
  uint64_t begin, end;
  bool ended;
  /* How the terminal took lines when it was told of the end */
  uint32_t lines;
} typed;

bool following(void) { return agent.followed.pid > 0; }

int64_t follow_keep(const struct wire_follow *wanted, const uint8_t *words, uint32_t length) {
  if (wanted->pid <= 0 || wanted->terminal > 1) return -EINVAL;
  if (length > 0 && words[length - 1] != 0) return -EINVAL;
  uint8_t *kept = length > 0 ? pages(length) : NULL;
  if (length > 0 && kept == NULL) return -ENOMEM;
  if (length > 0) memcpy(kept, words, length);
  if (agent.followed.words != NULL) pages_free(agent.followed.words, agent.followed.length);
  agent.followed.words = kept;
  agent.followed.length = length;
  agent.followed.terminal = wanted->terminal != 0;
  agent.followed.pid = wanted->pid;
  return 0;
}

/* cfmakeraw(3): what is typed is for the other terminal to interpret. */
static bool make_raw(struct termios *saved) {
  if (failed(sys_ioctl(INPUT, TCGETS, saved))) return false;
  struct termios raw = *saved;
  raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_oflag &= ~(tcflag_t)OPOST;
  raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  return !failed(sys_ioctl(INPUT, TCSETS, &raw));
}

static void copy_size(void) {
  struct window window;
  if (!failed(sys_ioctl(INPUT, TIOCGWINSZ, &window))) (void)sys_ioctl(MASTER, TIOCSWINSZ, &window);
}

/* True when the process has ended; its status goes to `*code` as a shell tells it. */
static bool reaped(int32_t *code) {
  int32_t status = 0;
  int64_t pid;
  while ((pid = sys_wait4(&status, WAIT_NOHANG | WAIT_ALL, NULL)) > 0) {
    const int32_t signal = status & 0x7f;
    if (pid != agent.followed.pid || signal == WAIT_STATUS_STOPPED) continue;
    *code = signal != 0 ? EXIT_SIGNALED + signal : (status >> 8) & 0xff;
    return true;
  }
  /* Somebody else's child: nobody will tell this process about its end. */
  *code = EXIT_FAILED;
  return failed(pid);
}

static void pass_signals(void) {
  struct signalfd_siginfo info;
  while (sys_read(agent.signals, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIG_CHLD) continue;
    if (info.ssi_signo == SIG_WINCH && agent.followed.terminal)
      copy_size();
    else
      (void)sys_kill(agent.followed.pid, info.ssi_signo);
  }
}

/* ICANON of the other end: a master answers for it. */
static uint32_t takes_lines(void) {
  struct termios other = {0};
  return failed(sys_ioctl(MASTER, TCGETS, &other)) ? typed.lines : other.c_lflag & ICANON;
}

static void type_end(void) {
  static const char end_of_file = 4;
  typed.ended = true;
  typed.lines = takes_lines();
  typed.bytes[0] = end_of_file;
  typed.begin = 0;
  typed.end = 1;
}

static void read_typed(void) {
  int64_t size = sys_read(INPUT, typed.bytes, sizeof(typed.bytes));
  typed.begin = 0;
  typed.end = size > 0 ? (uint64_t)size : 0;
  if (size <= 0) type_end();
}

static void write_typed(void) {
  int64_t size = sys_write(MASTER, typed.bytes + typed.begin, typed.end - typed.begin);
  if (size > 0) typed.begin += (uint64_t)size;
}

/* False when there is nothing now: EAGAIN, or EIO when nobody has the other end open. */
static bool pass_output(void) {
  char bytes[RELAY_BYTES];
  int64_t size = sys_read(MASTER, bytes, sizeof(bytes));
  return size > 0 && !failed(sys_write_all(OUTPUT, bytes, (uint64_t)size));
}

static int32_t await_end(void) {
  const struct __kernel_timespec look_again = {0, LOOK_NS};
  int32_t code = 0;
  bool open = agent.followed.terminal;
  while (!reaped(&code)) {
    /* An end that was typed for a line is none for a program that has begun to edit lines itself, nor the other way round. */
    if (open && typed.ended && typed.lines != takes_lines()) type_end();
    const bool pending = typed.end > typed.begin;
    struct pollfd watched[] = {{.fd = agent.signals, .events = POLLIN},
                               {.fd = open && !pending && !typed.ended ? INPUT : -1, .events = POLLIN},
                               {.fd = open ? MASTER : -1, .events = (int16_t)(POLLIN | (pending ? POLLOUT : 0))}};
    if (failed(sys_ppoll(watched, 3, open && typed.ended ? &look_again : NULL))) continue;
    if (watched[0].revents != 0) pass_signals();
    if (watched[1].revents != 0) read_typed();
    if ((watched[2].revents & POLLOUT) != 0) write_typed();
    if ((watched[2].revents & ~POLLOUT) != 0 && !pass_output()) open = (watched[2].revents & POLLHUP) == 0;
  }
  while (agent.followed.terminal && pass_output())
    continue;
  return code;
}

static void write_decimal(char *to, int32_t number) {
  char digits[DIGITS];
  uint32_t count = 0;
  do {
    digits[count++] = (char)('0' + number % DECIMAL);
    number /= DECIMAL;
  } while (number > 0);
  while (count > 0)
    *to++ = digits[--count];
  *to = 0;
}

static void execute(int32_t code) {
  char *argv[WORDS + 2];
  char text[DIGITS + 1];
  uint32_t count = 0;
  const uint64_t none = 0;
  char *first = (char *)agent.followed.words;
  for (uint32_t at = 0; at < agent.followed.length && count < WORDS; at++) {
    if (at == 0 || agent.followed.words[at - 1] == 0) argv[count++] = first + at;
  }
  if (count == 0) return;
  write_decimal(text, code);
  argv[count++] = text;
  argv[count] = NULL;
  (void)sys_sigprocmask(&none);
  (void)sys_execveat(AT_FDCWD, argv[0], argv, environment, 0);
}

void follow_child(void) {
  const uint64_t all = ~0ULL;
  struct termios saved;
  (void)sys_sigprocmask(&all);
  int64_t signals = sys_signalfd(agent.signals, &all);
  if (!failed(signals)) agent.signals = (int32_t)signals;
  const bool raw = agent.followed.terminal && make_raw(&saved);
  if (agent.followed.terminal) {
    (void)sys_fcntl(MASTER, F_SETFL, O_RDWR | O_NONBLOCK);
    copy_size();
  }
  const int32_t code = await_end();
  if (raw) (void)sys_ioctl(INPUT, TCSETS, &saved);
  if (!cleanup_run()) execute(code);
  for (;;)
    (void)sys_exit_group(code);
}
