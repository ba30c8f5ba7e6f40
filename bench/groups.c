/* Owns: the kernel's own cost of a group's life, with nothing in between. Must not: do anything that its list does not say.
 * Depends on: the kernel. Start reading at: main.
 *
 * cc -O2 -static -o groups groups.c
 * ./groups RUNS STEP...
 *
 * A step is `make PATH`, `write PATH VALUE`, `add PATH` (the pid of a child that sleeps), `remove PATH` or `read PATH`, three words
 * each (VALUE is empty where it is not used). One run does all of them in order. Prints one line of JSON: {"ms":[...]}. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 3, READ_SIZE = 16384 };

static pid_t sleeper;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check(long result, const char *what) {
  if (result >= 0) return;
  perror(what);
  kill(sleeper, SIGKILL);
  exit(1);
}

static void write_file(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  check(fd, path);
  check(write(fd, value, strlen(value)), path);
  close(fd);
}

static void read_file(const char *path) {
  char text[READ_SIZE];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return; /* not every kernel has every file: asking is part of the cost */
  check(read(fd, text, sizeof text), path);
  close(fd);
}

static void step(char **words) {
  const char *what = words[0], *path = words[1];
  char pid[16];
  snprintf(pid, sizeof pid, "%d", sleeper);
  if (strcmp(what, "make") == 0) check(mkdir(path, 0755), path);
  if (strcmp(what, "write") == 0) write_file(path, words[2]);
  if (strcmp(what, "add") == 0) write_file(path, pid);
  if (strcmp(what, "remove") == 0) check(rmdir(path), path);
  if (strcmp(what, "read") == 0) read_file(path);
}

int main(int argc, char **argv) {
  if (argc < 2 + WORDS || (argc - 2) % WORDS != 0) {
    fprintf(stderr, "groups RUNS {make|write|add|remove|read PATH VALUE}...\n");
    return 2;
  }
  sleeper = fork();
  check(sleeper, "fork");
  if (sleeper == 0) {
    pause();
    _exit(0);
  }
  int runs = atoi(argv[1]);
  printf("{\"ms\":[");
  for (int run = 0; run < runs; run++) {
    double begin = now_ms();
    for (int word = 2; word < argc; word += WORDS)
      step(argv + word);
    printf("%s%.4f", run ? "," : "", now_ms() - begin);
  }
  printf("]}\n");
  kill(sleeper, SIGKILL);
  waitpid(sleeper, NULL, 0);
  return 0;
}
