/* Owns: the time of whole commands, started the cheapest way there is, so that no launcher's cost is put on what is measured.
 * Must not: know what it starts. Depends on: the kernel; root for -u.
 * Start reading at: main.
 *
 * cc -O2 -static -o launch launch.c
 * ./launch RUNS [-u DIRECTORY] COMMAND [ARG...]
 *
 * {} in an argument becomes a text that is different for each run. -u unmounts DIRECTORY in a mount namespace of its own first.
 * Prints one line of JSON: {"ms":[...]}, the time of each run from start to end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 64, MAX_LENGTH = 4096 };

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

static void fill(char **arguments, char **command, int count, int run) {
  static char texts[MAX_ARGUMENTS][MAX_LENGTH];
  for (int i = 0; i < count; i++) {
    char *gap = strstr(command[i], "{}");
    if (gap)
      snprintf(texts[i], MAX_LENGTH, "%.*s%d-%d%s", (int)(gap - command[i]), command[i], getpid(), run, gap + 2);
    else
      snprintf(texts[i], MAX_LENGTH, "%s", command[i]);
    arguments[i] = texts[i];
  }
  arguments[count] = NULL;
}

static double time_of(char **arguments, int silence) {
  double begin = now_ms();
  int status;
  pid_t pid = vfork();
  if (pid == 0) {
    dup2(silence, STDOUT_FILENO);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  if (pid < 0 || waitpid(pid, &status, 0) < 0) {
    perror(arguments[0]);
    exit(1);
  }
  if (status != 0) {
    fprintf(stderr, "launch: %s ended with status %#x\n", arguments[0], (unsigned)status);
    exit(1);
  }
  return now_ms() - begin;
}

int main(int argc, char **argv) {
  int unmounts = argc > 4 && strcmp(argv[2], "-u") == 0;
  int first = unmounts ? 4 : 2;
  if (argc <= first || argc - first >= MAX_ARGUMENTS) {
    fprintf(stderr, "usage: launch RUNS [-u DIRECTORY] COMMAND [ARG...]\n");
    return 2;
  }
  if (unmounts) leave_out(argv[3]);
  char *arguments[MAX_ARGUMENTS + 1];
  int runs = atoi(argv[1]), silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
  printf("{\"ms\":[");
  for (int i = 0; i < runs; i++) {
    fill(arguments, argv + first, argc - first, i);
    double took = time_of(arguments, silence);
    printf("%s%.4f", i > 0 ? "," : "", took);
  }
  printf("]}\n");
  return 0;
}
