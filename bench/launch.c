/* Owns: the time and the memory of whole commands, started the cheapest way there is, so that no launcher's cost is put on what is measured.
 * Must not: know what it starts. Depends on: the kernel; root for -u.
 * Start reading at: main.
 *
 * cc -O2 -static -o launch launch.c
 * ./launch RUNS [-u DIRECTORY] [-j COUNT] COMMAND [ARG...] [; COMMAND [ARG...]]...
 *
 * A run is one command after the other, or with -j COUNT of each at once. {} in an argument becomes a text that is different for
 * each run. The command @wait waits for the processes that those before it have left. -u unmounts DIRECTORY in a mount namespace of
 * its own first.
 * Prints one line of JSON: {"ms":[...],"kib":[...]}, the time of each run from start to end and the most memory (ru_maxrss) of each
 * command in any run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_COMMANDS = 8, MAX_ARGUMENTS = 32, MAX_LENGTH = 4096, MAX_JOBS = 64 };

struct command {
  char **words;
  int count;
  long kib;
};

static struct {
  struct command commands[MAX_COMMANDS];
  int count, jobs, input, output, errors;
} plan = {.jobs = 1};

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void leave_out(const char *directory) {
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      umount2(directory, MNT_DETACH) < 0) {
    perror(directory);
    exit(1);
  }
}

/* What a command has said is told when it has failed. */
static void fail(const char *name, int status) {
  off_t begin = 0;
  while (sendfile(STDERR_FILENO, plan.errors, &begin, MAX_LENGTH) > 0) {
  }
  fprintf(stderr, "launch: %s ended with status %#x\n", name, (unsigned)status);
  exit(1);
}

static void fill(char **arguments, const struct command *command, int run, int job) {
  static char texts[MAX_ARGUMENTS][MAX_LENGTH];
  for (int i = 0; i < command->count; i++) {
    char *word = command->words[i], *gap = strstr(word, "{}");
    if (gap)
      snprintf(texts[i], MAX_LENGTH, "%.*s%d-%d-%d%s", (int)(gap - word), word, getpid(), run, job, gap + 2);
    else
      snprintf(texts[i], MAX_LENGTH, "%s", word);
    arguments[i] = texts[i];
  }
  arguments[command->count] = NULL;
}

static pid_t begin(const struct command *command, int run, int job) {
  char *arguments[MAX_ARGUMENTS + 1];
  fill(arguments, command, run, job);
  pid_t pid = vfork();
  if (pid == 0) {
    dup2(plan.input, STDIN_FILENO);
    dup2(plan.output, STDOUT_FILENO);
    dup2(plan.errors, STDERR_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  if (pid < 0) {
    perror(arguments[0]);
    exit(1);
  }
  return pid;
}

static void end(struct command *command, pid_t pid) {
  struct rusage used;
  int status;
  if (wait4(pid, &status, 0, &used) < 0 || status != 0) fail(command->words[0], status);
  if (used.ru_maxrss > command->kib) command->kib = used.ru_maxrss;
}

static void wait_for_left(int how) {
  while (waitpid(-1, NULL, how) > 0) {
  }
}

static double time_of(int run) {
  double started = now_ms();
  for (int i = 0; i < plan.count; i++) {
    struct command *command = &plan.commands[i];
    if (strcmp(command->words[0], "@wait") == 0) {
      wait_for_left(0);
      continue;
    }
    pid_t pids[MAX_JOBS];
    for (int job = 0; job < plan.jobs; job++)
      pids[job] = begin(command, run, job);
    for (int job = 0; job < plan.jobs; job++)
      end(command, pids[job]);
  }
  double took = now_ms() - started;
  wait_for_left(WNOHANG);
  return took;
}

static void take_commands(char **words, int count) {
  for (int i = 0; i < count; i++) {
    struct command *command = &plan.commands[plan.count++];
    command->words = words + i;
    while (i < count && strcmp(words[i], ";") != 0)
      i++, command->count++;
    if (plan.count == MAX_COMMANDS || command->count == 0 || command->count > MAX_ARGUMENTS) {
      fprintf(stderr, "launch: too many commands or words\n");
      exit(2);
    }
  }
}

int main(int argc, char **argv) {
  int first = 2;
  if (argc > first + 1 && strcmp(argv[first], "-u") == 0) leave_out(argv[first + 1]), first += 2;
  if (argc > first + 1 && strcmp(argv[first], "-j") == 0) plan.jobs = atoi(argv[first + 1]), first += 2;
  if (argc <= first || plan.jobs < 1 || plan.jobs > MAX_JOBS) {
    fprintf(stderr, "usage: launch RUNS [-u DIRECTORY] [-j COUNT] COMMAND [ARG...] [; COMMAND [ARG...]]...\n");
    return 2;
  }
  take_commands(argv + first, argc - first);
  /* Engines are what is left to: the processes of a container outlive the command that made them. */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  plan.input = open("/dev/null", O_RDONLY | O_CLOEXEC);
  plan.output = open("/dev/null", O_WRONLY | O_CLOEXEC);
  plan.errors = memfd_create("errors", MFD_CLOEXEC);
  int runs = atoi(argv[1]);
  printf("{\"ms\":[");
  for (int i = 0; i < runs; i++)
    printf("%s%.4f", i > 0 ? "," : "", time_of(i));
  printf("],\"kib\":[");
  for (int i = 0; i < plan.count; i++)
    printf("%s%ld", i > 0 ? "," : "", plan.commands[i].kib);
  printf("]}\n");
  return 0;
}
