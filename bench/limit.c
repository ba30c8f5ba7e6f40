/* Owns: the kernel's own cost of starting an isolated process, with nothing in between: the floor that carrel is compared with.
 * Must not: do anything that a start does not need. Depends on: the kernel, root.
 * Start reading at: main.
 *
 * cc -O2 -static -o limit limit.c
 * ./limit ROOTFS RUNS [none|sandbox|sandbox+net|full|full-net [CGROUP-DIR...]]
 *
 * ROOTFS needs /bin/true, and empty proc dev sys directories. `full` adds a user namespace with maps, a cgroup namespace, a
 * reaping PID 1 that forks the command, and a fresh group in each CGROUP-DIR (v1 hierarchies or v2 parents); `full-net` is the
 * same in the host's network. Prints one line of JSON: {"ms":[...]}, the time of each run. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x) do { if ((long)(x) < 0) { perror(#x); _exit(99); } } while (0)

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* What every ordinary container start does to its root. */
static void enter_root(const char *root)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };

	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(mount(root, root, NULL, MS_BIND | MS_REC, NULL));
	CHECK(chdir(root));
	CHECK(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	CHECK(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k"));
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		char from[64], to[64];
		snprintf(from, sizeof from, "/dev/%s", devices[i]);
		snprintf(to, sizeof to, "dev/%s", devices[i]);
		close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
		CHECK(mount(from, to, NULL, MS_BIND, NULL));
	}
	CHECK(mkdir("dev/pts", 0755));
	CHECK(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"));
	CHECK(mkdir("dev/shm", 01777));
	CHECK(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"));
	CHECK(mount("tmpfs", "sys", "tmpfs", MS_RDONLY, NULL));
	CHECK(sethostname("limit", 5));
	CHECK(syscall(SYS_pivot_root, ".", "."));
	CHECK(umount2(".", MNT_DETACH));
	CHECK(chdir("/"));
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd);
	CHECK(write(fd, text, strlen(text)));
	close(fd);
}

/* What the parent does for a new user namespace and its groups before the child may go on. */
static void admit(pid_t pid, char **groups, int run)
{
	char path[4096], text[64];

	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	put(path, "0 100000 65536");
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	put(path, "0 100000 65536");
	snprintf(text, sizeof text, "%d", pid);
	for (; *groups; groups++) {
		snprintf(path, sizeof path, "%s/limit-%d-%d", *groups, getpid(), run);
		CHECK(mkdir(path, 0755));
		snprintf(path, sizeof path, "%s/limit-%d-%d/cgroup.procs", *groups, getpid(), run);
		put(path, text);
	}
}

static void leave_groups(char **groups, int run)
{
	char path[4096];

	for (; *groups; groups++) {
		snprintf(path, sizeof path, "%s/limit-%d-%d", *groups, getpid(), run);
		CHECK(rmdir(path));
	}
}

/* A PID 1 that starts the command and reaps. */
static void fork_command(void)
{
	int status;
	pid_t pid = fork();

	CHECK(pid);
	if (pid == 0)
		return;
	CHECK(waitpid(pid, &status, 0));
	_exit(status ? 99 : 0);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: limit ROOTFS RUNS [none|sandbox|sandbox+net|full|full-net [CGROUP-DIR...]]\n");
		return 2;
	}
	const char *root = argv[1], *mode = argc > 3 ? argv[3] : "sandbox+net";
	int runs = atoi(argv[2]), isolated = strcmp(mode, "none") != 0;
	unsigned long flags = 0;
	if (isolated)
		flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
	int full = strncmp(mode, "full", 4) == 0;
	if (strcmp(mode, "full") == 0 || strcmp(mode, "sandbox+net") == 0)
		flags |= CLONE_NEWNET;
	if (full)
		flags |= CLONE_NEWUSER | CLONE_NEWCGROUP;
	char **groups = argv + (argc > 4 ? 4 : argc);
	double *took = malloc((size_t)runs * sizeof *took);

	for (int i = 0; i < runs; i++) {
		double t = now_ms();
		int go[2] = { -1, -1 };
		if (full)
			CHECK(pipe2(go, O_CLOEXEC));
		struct clone_args how = { .flags = flags, .exit_signal = SIGCHLD };
		pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
		if (pid == 0) {
			char path[4096], *args[] = { "true", NULL }, *env[] = { NULL };
			if (full) {
				close(go[1]);
				CHECK(read(go[0], path, 1));
				CHECK(syscall(SYS_setresgid, 0, 0, 0));
				CHECK(syscall(SYS_setresuid, 0, 0, 0));
			}
			if (isolated)
				enter_root(root);
			if (full)
				fork_command();
			snprintf(path, sizeof path, "%s/bin/true", isolated ? "" : root);
			execve(path, args, env);
			perror(path);
			_exit(99);
		}
		CHECK(pid);
		if (full) {
			close(go[0]);
			admit(pid, groups, i);
			close(go[1]);
		}
		int status;
		CHECK(waitpid(pid, &status, 0));
		if (full)
			leave_groups(groups, i);
		if (status != 0) {
			fprintf(stderr, "limit: child status %#x\n", (unsigned)status);
			return 1;
		}
		took[i] = now_ms() - t;
	}
	printf("{\"ms\":[");
	for (int i = 0; i < runs; i++)
		printf("%s%.4f", i > 0 ? "," : "", took[i]);
	printf("]}\n");
	return 0;
}
