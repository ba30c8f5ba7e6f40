/*
 * Makes the system calls of its arguments, each "NUMBER:ARG,ARG,..." (decimal or 0x), and prints one line each: the errno, or 0.
 * "p" as an argument is the address of a page of zeros, "f" the path of a file in the working directory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char page[4096];

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned long values[6] = {0};
        char *rest = argv[i];
        long number = strtol(strsep(&rest, ":"), NULL, 0);
        for (int k = 0; k < 6 && rest != NULL && *rest != '\0'; k++) {
            const char *word = strsep(&rest, ",");
            values[k] = *word == 'p'   ? (unsigned long)page
                        : *word == 'f' ? (unsigned long)"file"
                                       : strtoul(word, NULL, 0);
        }
        errno = 0;
        long result = syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
        printf("%d\n", result < 0 ? errno : 0);
        fflush(stdout);
    }
    return 0;
}
