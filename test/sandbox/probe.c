/* Tries, inside a sandbox, what must not succeed there, and prints one line per attempt: name, then 0 or the errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stddef.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *name, long result) { printf("%s %d\n", name, result < 0 ? errno : 0); }

static void tries_open(const char *name, const char *path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC);
  say(name, fd);
  if (fd >= 0) (void)close(fd);
}

static void kernel_objects(void) {
  char space[256] = {0};
  say("mount", mount("none", "/tmp", "tmpfs", 0, NULL));
  say("bind", mount("/usr", "/tmp", NULL, MS_BIND, NULL));
  say("remount", mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
  say("umount2", umount2("/proc/sys", MNT_DETACH));
  say("pivot_root", syscall(SYS_pivot_root, ".", "."));
  say("chroot", chroot("/tmp"));
  say("unshare-user", unshare(CLONE_NEWUSER));
  say("unshare-mount", unshare(CLONE_NEWNS));
  say("clone-user", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
  say("setns", setns(0, 0));
  say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  say("add_key", syscall(SYS_add_key, "user", "a", "b", 1, -3));
  say("bpf", syscall(SYS_bpf, 0, space, sizeof(space)));
  say("io_uring_setup", syscall(SYS_io_uring_setup, 1, space));
  say("perf_event_open", syscall(SYS_perf_event_open, space, 0, -1, -1, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, space, 0));
  say("sethostname", sethostname("other", 5));
  say("mknod", mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)));
  say("packet-socket", socket(AF_PACKET, SOCK_RAW, ETH_P_ALL));
  say("raw-socket", socket(AF_INET, SOCK_RAW, 1));
}

static void privilege(void) {
  const int fd = open("/tmp/setuid", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
  say("create-file", fd);
  say("setuid-bit", fchmod(fd, 04755));
  say("setgid-bit", fchmod(fd, 02755));
  say("chown-root", fchown(fd, 0, 0));
  say("setuid-root", setuid(0));
  say("setgroups", syscall(SYS_setgroups, 1, &(gid_t){0}));
  (void)close(fd);
}

static void first_process(void) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
  say("ptrace-init", ptrace(PTRACE_ATTACH, 1, NULL, NULL));
  say("ptrace-seize-init", ptrace(PTRACE_SEIZE, 1, NULL, NULL));
  say("kill-init", kill(1, SIGKILL));
  say("signal-init", kill(1, SIGHUP));
  say("read-init-memory", process_vm_readv(1, &here, 1, &there, 1, 0));
  tries_open("init-fd", "/proc/1/fd", O_RDONLY | O_DIRECTORY);
  tries_open("init-root", "/proc/1/root/", O_RDONLY | O_DIRECTORY);
  tries_open("init-cwd", "/proc/1/cwd/", O_RDONLY | O_DIRECTORY);
  tries_open("init-exe", "/proc/1/exe", O_RDONLY);
  tries_open("init-environ", "/proc/1/environ", O_RDONLY);
  tries_open("init-mem", "/proc/1/mem", O_RDWR);
  tries_open("init-map_files", "/proc/1/map_files", O_RDONLY | O_DIRECTORY);
  tries_open("init-ns", "/proc/1/ns/mnt", O_RDONLY);
  tries_open("init-setgroups", "/proc/1/setgroups", O_WRONLY);
}

static void terminal(void) {
  char letter = 'x';
  say("TIOCSTI", ioctl(0, TIOCSTI, &letter));
  say("TIOCLINUX", ioctl(0, TIOCLINUX, &letter));
}

/* The host's unix sockets with abstract names belong to its network namespace. */
static void abstract_socket(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path + 1, name, sizeof(address.sun_path) - 2);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  say("abstract-socket", connect(fd, (struct sockaddr *)&address, size));
  (void)close(fd);
}

int main(int argc, char **argv) {
  kernel_objects();
  privilege();
  first_process();
  terminal();
  if (argc > 1) abstract_socket(argv[1]);
  return 0;
}
