/* Owns: sockets that Node watches: chunks with descriptors in, bytes with descriptors out.
 * Must not: block, or call back after close.
 * Depends on: four libuv functions of uv_poll_t that the node binary exports. Start reading at: on_poll. */
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* From uv.h, which node-api-headers does not carry; the enumerations are part of libuv's stable ABI. */
typedef struct uv_handle uv_handle;
enum { UV_POLL = 8, UV_READABLE = 1, UV_WRITABLE = 2, UV_DISCONNECT = 4 };
int uv_poll_init(void *loop, uv_handle *handle, int fd);
int uv_poll_start(uv_handle *handle, int events, void (*callback)(uv_handle *, int status, int events));
int uv_poll_stop(uv_handle *handle);
void uv_close(uv_handle *handle, void (*callback)(uv_handle *));
void uv_ref(uv_handle *handle);
void uv_unref(uv_handle *handle);
size_t uv_handle_size(int type);
void *uv_handle_get_data(const uv_handle *handle);
void uv_handle_set_data(uv_handle *handle, void *data);

enum { ROUNDS = 64, CHUNK_BYTES = 256 * 1024, UNLIMITED = -1 };

/* A watched socket. Freed when libuv and the garbage collector have both let go of it. */
struct channel {
  struct instance *instance;
  struct channel *next;
  napi_ref on_data;
  napi_ref on_writable;
  int fd;
  int events;
  int owners;
  bool closed;
  /* A pipe: read(2) and write(2), no descriptors come with the bytes */
  bool plain;
  /* Bytes that may still be read from a pipe, or UNLIMITED */
  int64_t limit;
  size_t size;
  /* A uv_poll_t, whose size only libuv knows */
  _Alignas(16) uint8_t handle[];
};

static uv_handle *handle_of(struct channel *channel) { return (uv_handle *)(void *)channel->handle; }

static void release(struct channel *channel) {
  if (--channel->owners == 0) munmap(channel, channel->size);
}

static void on_closed(uv_handle *handle) {
  struct channel *channel = uv_handle_get_data(handle);
  struct instance *instance = channel->instance;
  struct channel **link = &instance->channels;
  while (*link != channel)
    link = &(*link)->next;
  *link = channel->next;
  release(channel);
  if (instance->ending && instance->channels == NULL) instance_end(instance);
}

static void close_channel(struct channel *channel) {
  if (channel->closed) return;
  napi_env env = channel->instance->env;
  channel->closed = true;
  uv_poll_stop(handle_of(channel));
  uv_close(handle_of(channel), on_closed);
  close(channel->fd);
  napi_delete_reference(env, channel->on_data);
  if (channel->on_writable != NULL) napi_delete_reference(env, channel->on_writable);
  channel->on_writable = NULL;
}

/* Runs promise callbacks afterwards, as a callback of Node's own would; an exception is the program's uncaught one. */
static void call(napi_env env, napi_ref reference, size_t count, const napi_value *values) {
  napi_value function, global, result;
  if (napi_get_reference_value(env, reference, &function) != napi_ok) return;
  if (napi_get_global(env, &global) != napi_ok) return;
  if (napi_make_callback(env, NULL, global, function, count, values, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }
}

static void call_data(struct channel *channel, ssize_t size, const int *fds, uint32_t fd_count, int error) {
  napi_env env = channel->instance->env;
  napi_handle_scope scope;
  napi_value values[3];
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_get_null(env, &values[0]);
  napi_get_null(env, &values[1]);
  if (size > 0) napi_create_buffer_copy(env, (size_t)size, channel->instance->buffer, NULL, &values[0]);
  if (fd_count > 0) values[1] = numbers(env, fds, fd_count);
  values[2] = number(env, error);
  call(env, channel->on_data, 3, values);
  napi_close_handle_scope(env, scope);
}

/* Copies the descriptors of one message out of its control data. */
static uint32_t take_fds(struct msghdr *message, int *fds) {
  uint32_t count = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    uint32_t more = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds + count, CMSG_DATA(c), more * sizeof(int));
    count += more;
  }
  return count;
}

static void poll_again(struct channel *channel, int events);

static bool is_used_up(const struct channel *channel) { return channel->limit == 0; }

static size_t next_size(const struct channel *channel) {
  bool whole = channel->limit == UNLIMITED || channel->limit > CHUNK_BYTES;
  return whole ? CHUNK_BYTES : (size_t)channel->limit;
}

/* Reads a pipe straight into the buffer that JavaScript gets. False when there is nothing more to read now. */
static bool read_plain(struct channel *channel) {
  napi_env env = channel->instance->env;
  napi_handle_scope scope;
  napi_value values[3];
  void *bytes = NULL;
  /* A read of no bytes would look like the end. */
  if (is_used_up(channel)) return false;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  napi_get_null(env, &values[1]);
  if (napi_create_buffer(env, next_size(channel), &bytes, &values[0]) != napi_ok) return false;
  ssize_t size = read(channel->fd, bytes, next_size(channel));
  bool later = size < 0 && (errno == EAGAIN || errno == EINTR);
  if (!later) {
    values[2] = number(env, size < 0 ? -errno : size);
    if (size > 0 && channel->limit != UNLIMITED) channel->limit -= size;
    if (size <= 0)
      poll_again(channel, channel->events & ~UV_READABLE);
    else if (is_used_up(channel))
      poll_again(channel, channel->events);
    call(env, channel->on_data, 3, values);
  }
  napi_close_handle_scope(env, scope);
  return size > 0 && !channel->closed;
}

/* Bytes in a pipe; -1 when there are none and nobody is left to write any. */
static int bytes_in(const struct channel *channel) {
  struct pollfd state = {.fd = channel->fd, .events = POLLIN};
  int count = 0;
  if (poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLIN)) == POLLHUP) return -1;
  return ioctl(channel->fd, FIONREAD, &count) < 0 ? 0 : count;
}

/* The last writer is gone while nothing may be read: an empty pipe is at its end, a full one waits for a new limit. */
static void on_disconnect(struct channel *channel) {
  napi_env env = channel->instance->env;
  napi_handle_scope scope;
  napi_value values[3];
  uv_poll_stop(handle_of(channel));
  if (bytes_in(channel) >= 0 || napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_get_null(env, &values[0]);
  napi_get_null(env, &values[1]);
  values[2] = number(env, 0);
  call(env, channel->on_data, 3, values);
  napi_close_handle_scope(env, scope);
}

/* False when there is nothing more to read now. */
static bool read_once(struct channel *channel) {
  if (channel->plain) return read_plain(channel);
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
  int fds[DESCRIPTORS + 1];
  struct iovec part = {channel->instance->buffer, BUFFER_BYTES};
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  ssize_t size = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  int error = size < 0 ? errno : 0;
  uint32_t count = size < 0 ? 0 : take_fds(&message, fds);
  if (size <= 0) poll_again(channel, channel->events & ~UV_READABLE);
  call_data(channel, size, fds, count, error);
  return size > 0 && !channel->closed;
}

static void on_poll(uv_handle *handle, int status, int events) {
  struct channel *channel = uv_handle_get_data(handle);
  napi_env env = channel->instance->env;
  if (status < 0) {
    /* The other end closed with bytes of ours unread: what it had sent before is still there, and comes before the end. */
    while (!channel->closed && read_once(channel)) {
    }
    if (channel->closed || (channel->events & UV_READABLE) == 0) return;
    poll_again(channel, 0);
    call_data(channel, -1, NULL, 0, -status);
    return;
  }
  if ((events & UV_WRITABLE) != 0 && channel->on_writable != NULL) {
    napi_handle_scope scope;
    napi_ref once = channel->on_writable;
    channel->on_writable = NULL;
    poll_again(channel, channel->events & ~UV_WRITABLE);
    if (napi_open_handle_scope(env, &scope) != napi_ok) return;
    call(env, once, 0, NULL);
    napi_delete_reference(env, once);
    napi_close_handle_scope(env, scope);
  }
  if ((events & UV_DISCONNECT) != 0 && !channel->closed && is_used_up(channel)) on_disconnect(channel);
  if ((events & UV_READABLE) == 0) return;
  /* Bounded, so that one busy process does not starve the others; libuv comes back for the rest. */
  for (int i = 0; i < ROUNDS && !channel->closed && (channel->events & UV_READABLE) != 0; i++)
    if (!read_once(channel)) break;
}

static void poll_again(struct channel *channel, int events) {
  channel->events = events;
  if (channel->closed) return;
  /* Bytes that may not be read would make the pipe readable for ever: only its end is waited for. */
  if (is_used_up(channel) && (events & UV_READABLE) != 0) events = (events & ~UV_READABLE) | UV_DISCONNECT;
  if (events == 0) {
    uv_poll_stop(handle_of(channel));
  } else {
    uv_poll_start(handle_of(channel), events, on_poll);
  }
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct channel *channel = data;
  close_channel(channel);
  release(channel);
}

napi_value channel_watch(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  napi_value result = NULL;
  struct instance *instance = arguments(env, info, values);
  size_t size = sizeof(struct channel) + uv_handle_size(UV_POLL);
  int fd = integer(env, values[0]);
  struct channel *channel = pages(size);
  if (channel == NULL) return throw_errno(env, "mmap", ENOMEM);
  int error = uv_poll_init(instance->loop, handle_of(channel), fd);
  if (error != 0) {
    munmap(channel, size);
    return throw_errno(env, "uv_poll_init", -error);
  }
  channel->instance = instance;
  channel->next = instance->channels;
  channel->fd = fd;
  napi_get_value_bool(env, values[2], &channel->plain);
  channel->limit = UNLIMITED;
  channel->owners = 2;
  channel->size = size;
  instance->channels = channel;
  uv_handle_set_data(handle_of(channel), channel);
  uv_unref(handle_of(channel));
  napi_create_reference(env, values[1], 1, &channel->on_data);
  napi_create_external(env, channel, on_collected, NULL, &result);
  poll_again(channel, UV_READABLE);
  return result;
}

/* NULL when it is closed. */
static struct channel *channel_of(napi_env env, napi_value value) {
  struct channel *channel = NULL;
  if (napi_get_value_external(env, value, (void **)&channel) != napi_ok) return NULL;
  return channel->closed ? NULL : channel;
}

napi_value channel_send(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS * sizeof(int))] = {0};
  struct iovec part = {NULL, 0};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  uint32_t count = 0;
  arguments(env, info, values);
  struct channel *channel = channel_of(env, values[0]);
  if (channel == NULL) return number(env, -EBADF);
  napi_get_typedarray_info(env, values[1], NULL, &part.iov_len, &part.iov_base, NULL, NULL);
  napi_get_array_length(env, values[2], &count);
  if (count > DESCRIPTORS) return number(env, -EINVAL);
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    for (uint32_t i = 0; i < count; i++) {
      napi_value element;
      napi_get_element(env, values[2], i, &element);
      ((int *)(void *)CMSG_DATA(c))[i] = integer(env, element);
    }
  }
  ssize_t size;
  do
    /* A pipe without a reader raises SIGPIPE, which Node ignores. */
    size = channel->plain ? write(channel->fd, part.iov_base, part.iov_len)
                          : sendmsg(channel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  return number(env, size < 0 ? -errno : size);
}

napi_value channel_on_writable(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  struct channel *channel = channel_of(env, values[0]);
  if (channel == NULL) return NULL;
  if (channel->on_writable != NULL) napi_delete_reference(env, channel->on_writable);
  napi_create_reference(env, values[1], 1, &channel->on_writable);
  poll_again(channel, channel->events | UV_WRITABLE);
  return NULL;
}

napi_value channel_limit(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  int64_t bytes = UNLIMITED;
  arguments(env, info, values);
  struct channel *channel = channel_of(env, values[0]);
  if (channel == NULL) return NULL;
  napi_get_value_int64(env, values[1], &bytes);
  channel->limit = bytes < 0 ? UNLIMITED : bytes;
  poll_again(channel, channel->events);
  return NULL;
}

napi_value channel_pending(napi_env env, napi_callback_info info) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  const struct channel *channel = channel_of(env, values[0]);
  return number(env, channel == NULL ? 0 : bytes_in(channel));
}

enum { REF, UNREF, SHUTDOWN, PAUSE, RESUME, CLOSE };

static napi_value control_channel(napi_env env, napi_callback_info info, int what) {
  napi_value values[ARGUMENTS];
  arguments(env, info, values);
  struct channel *channel = channel_of(env, values[0]);
  if (channel == NULL) return NULL;
  if (what == REF) uv_ref(handle_of(channel));
  if (what == UNREF) uv_unref(handle_of(channel));
  if (what == SHUTDOWN) shutdown(channel->fd, SHUT_WR);
  if (what == PAUSE) poll_again(channel, channel->events & ~UV_READABLE);
  if (what == RESUME) poll_again(channel, channel->events | UV_READABLE);
  if (what == CLOSE) close_channel(channel);
  return NULL;
}

napi_value channel_ref(napi_env env, napi_callback_info info) { return control_channel(env, info, REF); }
napi_value channel_unref(napi_env env, napi_callback_info info) { return control_channel(env, info, UNREF); }
napi_value channel_shutdown(napi_env env, napi_callback_info info) { return control_channel(env, info, SHUTDOWN); }
napi_value channel_pause(napi_env env, napi_callback_info info) { return control_channel(env, info, PAUSE); }
napi_value channel_resume(napi_env env, napi_callback_info info) { return control_channel(env, info, RESUME); }
napi_value channel_close(napi_env env, napi_callback_info info) { return control_channel(env, info, CLOSE); }

void channels_close(struct instance *instance) {
  for (struct channel *channel = instance->channels; channel != NULL; channel = channel->next)
    close_channel(channel);
}
