/* Owns: frames that go to Node.
 * Must not: raise SIGPIPE, or give up in the middle of a frame.
 * Depends on: program.c for what a send names. Start reading at: output_send. */
#include "agent.h"
#include "memory.h"

enum { PARTS = 5 };

static void advance(struct message *message, uint64_t count) {
  while (message->part_count > 0 && count >= message->parts->length) {
    count -= message->parts->length;
    message->parts++;
    message->part_count--;
  }
  if (message->part_count == 0) return;
  message->parts->base = (uint8_t *)message->parts->base + count;
  message->parts->length -= count;
}

/* 0, or why not even the first byte could be sent. */
static int64_t send_all(struct message *message) {
  bool begun = false;
  while (message->part_count > 0) {
    int64_t count = sys_sendmsg(agent.socket, message, MESSAGE_NOSIGNAL);
    if (count == -EAGAIN) {
      struct pollfd writable = {.fd = agent.socket, .events = POLLOUT};
      (void)sys_ppoll(&writable, 1, NULL);
    } else if (failed(count)) {
      if (count == -EINTR) continue;
      if (!begun || count == -EPIPE || count == -ECONNRESET) return count;
      finish(1);
    } else {
      begun = true;
      advance(message, (uint64_t)count);
      message->control = NULL;
      message->control_length = 0;
    }
  }
  return 0;
}

int64_t output_send(uint16_t type, uint32_t id, struct part *parts, uint32_t count, const int32_t *fds,
                    uint32_t fd_count) {
  struct {
    struct control_head head;
    int32_t fds[LIMIT_DESCRIPTORS + 1];
  } control;
  struct wire_frame frame = {.id = id, .type = type, .descriptors = (uint16_t)fd_count};
  struct part all[PARTS] = {{&frame, sizeof(frame)}};
  struct message message = {.parts = all, .part_count = 1};
  for (uint32_t i = 0; i < count; i++) {
    frame.length += (uint32_t)parts[i].length;
    if (parts[i].length > 0) all[message.part_count++] = parts[i];
  }
  if (fd_count > 0) {
    control.head =
      (struct control_head){sizeof(control.head) + fd_count * sizeof(int32_t), SOCKET_LEVEL, SOCKET_RIGHTS};
    memcpy(control.fds, fds, fd_count * sizeof(int32_t));
    message.control = &control;
    message.control_length = control.head.length;
  }
  return send_all(&message);
}

void output_event(uint16_t type, void *head, uint64_t head_size, void *rest, uint64_t rest_size) {
  struct part parts[2] = {{head, head_size}, {rest, rest_size}};
  if (agent.socket >= 0) (void)output_send(type, 0, parts, 2, NULL, 0);
}

/* Every descriptor that the sends name and that exists; a result that is an error names none. */
static uint32_t collect(const struct run *run, int32_t *fds) {
  uint32_t count = 0;
  if (run->program == NULL) return 0;
  for (uint32_t i = 0; i < run->program->head.sends; i++) {
    int64_t fd = run_send(run, &run->program->sends[i]);
    if (fd >= 0) fds[count++] = (int32_t)fd;
  }
  return count;
}

void output_reply(uint32_t id, struct run *run) {
  int32_t fds[LIMIT_DESCRIPTORS];
  uint32_t count = collect(run, fds);
  struct wire_reply reply = {.results = run->done, .error = run->error};
  uint8_t *data = NULL;
  if (run->program != NULL) {
    reply.reply = run->program->head.reply;
    data = run->program->data;
    if (run->program->head.returns != 0) reply.data = run->program->head.data;
  }
  struct part parts[] = {{&reply, sizeof(reply)},
                         {run->results, run->done * sizeof(int64_t)},
                         {run->reply, reply.reply},
                         {data, reply.data}};
  if (id != 0) {
    int64_t result = output_send(FRAME_REPLY, id, parts, PARTS - 1, fds, run->error == 0 ? count : 0);
    const bool refused = failed(result) && result != -EPIPE && result != -ECONNRESET;
    /* What cannot be sent (EBADF of a wrong number, ETOOMANYREFS) must not cost the answer. */
    if (refused && count > 0) {
      reply.error = (int32_t)-result;
      result = output_send(FRAME_REPLY, id, parts, PARTS - 1, NULL, 0);
    }
    /* A filter of the container's forbids to answer: nobody is to wait for that. */
    if (refused && failed(result)) finish(1);
  }
  attached_close(fds, count);
}

void fault(uint32_t code, uint64_t value) {
  struct wire_fault payload = {.code = code, .value = value};
  struct part part = {&payload, sizeof(payload)};
  attached_close(agent.queue, agent.queue_count);
  attached_close(agent.attached, agent.attached_count);
  agent.queue_count = 0;
  agent.attached_count = 0;
  (void)output_send(FRAME_FAULT, agent.order, &part, 1, NULL, 0);
  finish(1);
}
