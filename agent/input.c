/* Owns: bytes and descriptors from the socket, until they are whole frames.
 * Must not: believe a length before it is checked, or keep a descriptor that no frame claims.
 * Depends on: orders.c. Start reading at: input_read. */
#include "agent.h"
#include "memory.h"

/* Frames stand at multiples of 8, so that their fields can be read in place. */
static _Alignas(8) uint8_t buffer[BUFFER_BYTES];

/* `bytes` is the buffer, or pages for exactly one frame that is longer than the buffer. */
static struct {
  uint8_t *bytes;
  uint64_t capacity;
  uint64_t used;
  /* End of the order being handled */
  uint64_t handled;
} input;

bool input_pending(void) { return input.used > input.handled || agent.queue_count > 0; }

void input_reset(void) {
  if (input.bytes != NULL && input.bytes != buffer) pages_free(input.bytes, input.capacity);
  input.bytes = buffer;
  input.capacity = sizeof(buffer);
  input.used = 0;
}

static void queue_add(const uint8_t *fds, uint64_t size) {
  for (uint64_t at = 0; at + sizeof(int32_t) <= size; at += sizeof(int32_t)) {
    int32_t fd;
    memcpy(&fd, fds + at, sizeof(fd));
    if (agent.queue_count < QUEUE_LENGTH) {
      agent.queue[agent.queue_count++] = fd;
    } else {
      attached_close(&fd, 1);
      fault(FAULT_DESCRIPTORS_SURPLUS, QUEUE_LENGTH);
    }
  }
}

/* What came without its descriptors has one entry that says so. */
static void queue_lost(void) {
  int32_t lost = DESCRIPTOR_LOST;
  queue_add((const uint8_t *)&lost, sizeof(lost));
}

static void queue_control(const uint8_t *control, uint64_t length) {
  struct control_head head;
  for (uint64_t at = 0; at + sizeof(head) <= length;) {
    memcpy(&head, control + at, sizeof(head));
    if (head.length < sizeof(head) || head.length > length - at) return;
    if (head.level == SOCKET_LEVEL && head.type == SOCKET_RIGHTS)
      queue_add(control + at + sizeof(head), head.length - sizeof(head));
    at += (head.length + 7) & ~7ULL;
  }
}

/* Number of new bytes, 0 when there are none now. */
static uint64_t receive(void) {
  _Alignas(8) uint8_t control[sizeof(struct control_head) + (LIMIT_DESCRIPTORS + 1) * sizeof(int32_t)];
  struct part part = {input.bytes + input.used, input.capacity - input.used};
  struct message message = {.parts = &part, .part_count = 1, .control = control, .control_length = sizeof(control)};
  int64_t count = sys_recvmsg(agent.socket, &message, MESSAGE_DONTWAIT | MESSAGE_CMSG_CLOEXEC);
  if (count == -EAGAIN || count == -EINTR) return 0;
  if (count <= 0) finish(0);
  uint32_t before = agent.queue_count;
  queue_control(control, message.control_length);
  /* No room in the table of descriptors (RLIMIT_NOFILE): the kernel drops those that do not fit (unix(7)). */
  if ((message.flags & MESSAGE_TRUNCATED_CONTROL) != 0) {
    attached_close(agent.queue + before, agent.queue_count - before);
    agent.queue_count = before;
    queue_lost();
  }
  return (uint64_t)count;
}

/* Takes `done` bytes away from the front. */
static void shift(uint64_t done) {
  input.used -= done;
  if (input.used == 0) {
    input_reset();
  } else if (done > 0) {
    memmove(input.bytes, input.bytes + done, input.used);
  }
}

static void grow(uint64_t total) {
  uint8_t *bytes = pages(total);
  if (bytes == NULL) fault(FAULT_NO_MEMORY, total);
  memcpy(bytes, input.bytes, input.used);
  input.bytes = bytes;
  input.capacity = total;
}

static uint64_t frame_size(const struct wire_frame *frame) {
  agent.order = frame->id;
  if (frame->length > LIMIT_FRAME) fault(FAULT_FRAME_TOO_LONG, frame->length);
  if (frame->reserved != 0) fault(FAULT_RESERVED_NOT_ZERO, frame->reserved);
  if (frame->descriptors > LIMIT_DESCRIPTORS) fault(FAULT_VALUE_OUT_OF_RANGE, frame->descriptors);
  return sizeof(*frame) + frame->length;
}

void input_read(void) {
  input.used += receive();
  uint64_t at = 0;
  while (input.used - at >= sizeof(struct wire_frame)) {
    if (at % 8 != 0) {
      shift(at);
      at = 0;
    }
    struct wire_frame *frame = (void *)(input.bytes + at);
    uint64_t size = frame_size(frame);
    if (input.used - at < size) {
      shift(at);
      at = 0;
      if (size > input.capacity) grow(size);
      break;
    }
    input.handled = at + size;
    if (!order_handle(frame, (uint8_t *)(frame + 1))) return;
    at += size;
  }
  shift(at);
  if (input.used == 0 && agent.queue_count > 0) fault(FAULT_DESCRIPTORS_SURPLUS, agent.queue_count);
}
