/*
 * Installs the seccomp filter in the file argv[1] and runs argv[2] with its arguments: the kernel's own view of a filter.
 * Exit codes: 125 when the filter could not be installed, 127 when the program could not be run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static struct sock_filter filter[BPF_MAXINSNS];
    if (argc < 3)
        return 125;
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, filter, sizeof filter);
    if (length <= 0 || (size_t)length % sizeof filter[0] != 0)
        return 125;
    struct sock_fprog program = {.len = (unsigned short)((size_t)length / sizeof filter[0]), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
        perror("seccomp");
        return 125;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
