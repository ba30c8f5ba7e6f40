/* Says what a process sees of itself that no file shows.
   policy: mode and first node of the memory policy
   call NUMBER [ARGUMENT…]: result or errno of a system call */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int policy(void) {
  int mode = 0;
  unsigned long nodes[16] = {0};
  if (syscall(SYS_get_mempolicy, &mode, nodes, sizeof(nodes) * 8, NULL, 0) < 0) return 1;
  printf("%d %d\n", mode, nodes[0] == 0 ? -1 : __builtin_ctzl(nodes[0]));
  return 0;
}

static int call(char **words) {
  long all[7] = {0};
  for (int i = 0; i < 7 && words[i] != NULL; i++)
    all[i] = strtol(words[i], NULL, 0);
  long result = syscall(all[0], all[1], all[2], all[3], all[4], all[5], all[6]);
  printf("%ld\n", result < 0 ? (long)-errno : result);
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "policy") == 0) return policy();
  if (argc > 2 && strcmp(argv[1], "call") == 0) return call(argv + 2);
  return 2;
}
