/* Owns: executing this file again, from a copy that nothing can change, with a stack of its own making.
 * Must not: serve: it returns when that cannot be had, and the process goes on as it is.
 * Depends on: /proc of the starter. Start reading at: image_execute. */
#include <linux/memfd.h>
#include <linux/stat.h>

#include "agent.h"
#include "memory.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { TITLE_BYTES = 256, WHOLE_FILE = 1 << 20 };

static const char own_file[] = "/proc/self/exe";
static const char own_name[] = "carrel-agent";

/* As addon/launch.c makes it: a container that reaches /proc/PID/exe must not reach the file of the host (CVE-2019-5736). */
static int64_t sealed_copy(void) {
  const uint32_t flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const uint64_t seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  int64_t copied;
  int64_t file = sys_open(own_file, O_RDONLY | O_CLOEXEC);
  if (failed(file)) return file;
  int64_t copy = sys_memfd(own_name, flags | MFD_EXEC);
  /* Linux < 6.3 */
  if (copy == -EINVAL) copy = sys_memfd(own_name, flags);
  do
    copied = failed(copy) ? copy : sys_sendfile((int32_t)copy, (int32_t)file, WHOLE_FILE);
  while (copied > 0);
  (void)sys_close((int32_t)file);
  if (copied == 0) copied = sys_fcntl((int32_t)copy, F_ADD_SEALS, seals);
  return failed(copied) ? copied : copy;
}

static int64_t execute(int32_t file, const char *path, const char *option, uint32_t flags) {
  /* Behind argv[0]: where setproctitle(3) goes on, and otherwise an environment without a name or a value. */
  char room[TITLE_BYTES];
  const char *argv[3];
  const char *envp[2];
  memset(room, ' ', sizeof(room));
  room[sizeof(room) - 1] = 0;
  /* Filled here, tables of pointers need relocations. */
  argv[0] = own_name;
  argv[1] = option;
  argv[2] = NULL;
  envp[0] = room;
  envp[1] = NULL;
  return sys_execveat(file, path, argv, envp, flags);
}

static struct identity identify(int32_t file) {
  struct statx found;
  if (failed(sys_statx(file, "", AT_EMPTY_PATH, STATX_INO, &found))) return (struct identity){0, 0};
  return (struct identity){(uint64_t)found.stx_dev_major << 32 | found.stx_dev_minor, found.stx_ino};
}

/* While /proc is still that of the starter: below another root anything may stand in its place. */
void image_remember(void) {
  int64_t file = sys_open(own_file, O_PATH | O_CLOEXEC);
  if (failed(file)) return;
  agent.image = identify((int32_t)file);
  (void)sys_close((int32_t)file);
}

/* Another file would be a program that a filter has not forbidden by the name of execveat, with the agent's connection. */
static int64_t execute_same(int32_t file, const char *option) {
  const struct identity found = identify(file);
  const bool same = found.device == agent.image.device && found.inode == agent.image.inode;
  return same && found.inode != 0 ? execute(file, "", option, AT_EMPTY_PATH) : -ENOEXEC;
}

int64_t image_replace(int32_t file, const char *option) {
  if (file >= 0) return execute_same(file, option);
  int64_t own = sys_open(own_file, O_PATH | O_CLOEXEC);
  if (failed(own)) return own;
  int64_t result = execute_same((int32_t)own, option);
  (void)sys_close((int32_t)own);
  return result;
}

void image_execute(bool keep_file) {
  /* A copy would not have the capabilities of the file. */
  int64_t copy = keep_file ? -ENOENT : sealed_copy();
  if (!failed(copy)) (void)execute((int32_t)copy, "", NULL, AT_EMPTY_PATH);
  (void)execute(AT_FDCWD, own_file, NULL, 0);
}
