/* The other end of seccomp's listenerPath: takes connections, prints for each what came with it as a line of JSON, and allows one
   notified call of each with the result 77.
   usage: receive-listener SOCKET */
#define _GNU_SOURCE
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void take(int connection) {
  char text[65536];
  size_t length = 0;
  int fd = -1, descriptors = 0, first = 1, late = 0;
  for (;;) {
    union {
      struct cmsghdr head;
      char room[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec part = {text + length, sizeof(text) - 1 - length};
    struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) break;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_type == SCM_RIGHTS) {
      descriptors += (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(&fd, CMSG_DATA(head), sizeof(fd));
      if (!first) late = 1;
    }
    first = 0;
    length += (size_t)size;
  }
  text[length] = 0;
  for (char *at = text; (at = strchr(at, '\n')) != NULL;)
    *at = ' ';
  printf("{\"descriptors\":%d,\"late\":%d,\"closed\":1,\"sent\":%s}\n", descriptors, late, length > 0 ? text : "null");
  fflush(stdout);
  if (fd < 0) return;
  struct seccomp_notif request = {0};
  if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &request) == 0) {
    struct seccomp_notif_resp answer = {.id = request.id, .val = 77};
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) return 2;
  memcpy(address.sun_path, argv[1], strlen(argv[1]));
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 8) < 0) return 3;
  if (write(1, "listening\n", 10) != 10) return 4;
  for (;;)
    take(accept(listener, NULL, NULL));
}
