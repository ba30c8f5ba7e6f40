/* Listens on a unix socket, takes the terminal that a runtime sends to it, says so, and passes bytes between it and stdin and stdout.
   usage: receive-terminal SOCKET */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int connection, char *text, size_t size) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(8 * sizeof(int))];
  } control;
  struct iovec part = {text, size - 1};
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (length < 0 || head == NULL || head->cmsg_len != CMSG_LEN(sizeof(int))) return -1;
  text[length] = 0;
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof(fd));
  return fd;
}

static int pass(int from, int to) {
  char bytes[4096];
  ssize_t size = read(from, bytes, sizeof(bytes));
  return size > 0 && write(to, bytes, (size_t)size) == size;
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) return 2;
  memcpy(address.sun_path, argv[1], strlen(argv[1]));
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 1) < 0) return 3;
  if (write(1, "listening\n", 10) != 10) return 4;
  int connection = accept(listener, NULL, NULL);
  char text[4096];
  int terminal = receive(connection, text, sizeof(text));
  struct winsize size;
  if (terminal < 0 || ioctl(terminal, TIOCGWINSZ, &size) < 0) return 5;
  dprintf(1, "terminal %d %d %s\n", size.ws_row, size.ws_col, text);
  struct pollfd ends[] = {{.fd = 0, .events = POLLIN}, {.fd = terminal, .events = POLLIN}};
  while (poll(ends, 2, -1) > 0) {
    if (ends[0].revents != 0 && !pass(0, terminal)) ends[0].fd = -1;
    /* EIO: nobody has the other side open any more, though a program may have closed it before its end: it must not be hung up on. */
    if (ends[1].revents != 0 && !pass(terminal, 1)) ends[1].fd = -1;
  }
  return 0;
}
