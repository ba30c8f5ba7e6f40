/* Owns: the kernel's own cost of making a process from a small one, with nothing in between.
 * Must not: do anything that a fork does not need. Depends on: the kernel.
 * Start reading at: main.
 *
 * cc -O2 -static -o fork fork.c
 * ./fork RUNS wait|answer|exec
 *
 * `wait`: fork(2), the child exits, wait(2). `answer`: until the child has been told something on a socket of its own and has
 * answered; its end is not in the time. `exec`: a child that is there already is told to execute this program again, which answers;
 * neither its beginning nor its end is in the time. Prints one line of JSON: {"ms":[...]}, the time of each run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void check(long result, const char *what) {
  if (result >= 0) return;
  perror(what);
  exit(1);
}

/* Where a program that was executed again finds its socket. */
enum { SOCKET = 3 };

/* Until a fresh child waits for what it will be told */
enum { SETTLE_US = 500 };

static void await_end(pid_t pid) {
  int status;
  check(waitpid(pid, &status, 0), "waitpid");
  if (status == 0) return;
  fprintf(stderr, "fork: child status %#x\n", (unsigned)status);
  exit(1);
}

static double time_to_end(void) {
  double begin = now_ms();
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  check(pid, "fork");
  await_end(pid);
  return now_ms() - begin;
}

static void echo(int socket) {
  char byte;
  if (read(socket, &byte, 1) != 1 || write(socket, &byte, 1) != 1) _exit(1);
  _exit(0);
}

static double time_to_answer(void) {
  int sockets[2];
  char byte = 'c';
  double begin = now_ms();
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), "socketpair");
  pid_t pid = fork();
  if (pid == 0) echo(sockets[1]);
  check(pid, "fork");
  close(sockets[1]);
  check(write(sockets[0], &byte, 1), "write");
  check(read(sockets[0], &byte, 1), "read");
  double took = now_ms() - begin;
  close(sockets[0]);
  await_end(pid);
  return took;
}

static void answer(int socket) {
  char byte = 'c';
  _exit(write(socket, &byte, 1) == 1 ? 0 : 1);
}

static void execute_again(int socket) {
  char byte, *arguments[] = {"fork", "answer", NULL};
  if (read(socket, &byte, 1) != 1 || dup2(socket, SOCKET) < 0) _exit(1);
  execv("/proc/self/exe", arguments);
  _exit(1);
}

static double time_to_execute(void) {
  int sockets[2];
  char byte = 'c';
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
  pid_t pid = fork();
  if (pid == 0) {
    execute_again(sockets[1]);
  }
  check(pid, "fork");
  close(sockets[1]);
  usleep(SETTLE_US);
  double begin = now_ms();
  check(write(sockets[0], &byte, 1), "write");
  check(read(sockets[0], &byte, 1), "read");
  double took = now_ms() - begin;
  close(sockets[0]);
  await_end(pid);
  return took;
}

static const struct {
  const char *name;
  double (*time)(void);
} modes[] = {{"wait", time_to_end}, {"answer", time_to_answer}, {"exec", time_to_execute}};

int main(int argc, char **argv) {
  double (*time)(void) = NULL;
  if (argc == 2 && strcmp(argv[1], "answer") == 0) answer(SOCKET);
  for (size_t i = 0; argc == 3 && i < sizeof(modes) / sizeof(*modes); i++)
    if (strcmp(argv[2], modes[i].name) == 0) time = modes[i].time;
  if (time == NULL) {
    fprintf(stderr, "usage: fork RUNS wait|answer|exec\n");
    return 2;
  }
  int runs = atoi(argv[1]);
  printf("{\"ms\":[");
  for (int i = 0; i < runs; i++) {
    /* What is buffered would be every child's too. */
    fflush(stdout);
    double took = time();
    printf("%s%.4f", i > 0 ? "," : "", took);
  }
  printf("]}\n");
  return 0;
}
