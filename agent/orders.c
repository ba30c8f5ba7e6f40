/* Owns: what each type of frame means.
 * Must not: let a connection begin with anything but HELLO.
 * Depends on: check.c, program.c, cleanup.c, signals.c, output.c. Start reading at: order_handle. */
#include "agent.h"
#include "memory.h"

void attached_close(int32_t *fds, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (fds[i] >= 0) (void)sys_close(fds[i]);
    fds[i] = -1;
  }
}

/* False when the kernel had no room for the descriptors of this frame. */
static bool take_attached(uint32_t count) {
  const bool lost = count > 0 && agent.queue_count > 0 && agent.queue[0] == DESCRIPTOR_LOST;
  if (lost) count = 1;
  if (count > agent.queue_count) fault(FAULT_DESCRIPTORS_MISSING, count);
  memcpy(agent.attached, agent.queue, count * sizeof(int32_t));
  agent.attached_count = count;
  agent.queue_count -= count;
  memmove(agent.queue, agent.queue + count, agent.queue_count * sizeof(int32_t));
  if (lost) agent.attached_count = 0;
  return !lost;
}

/* Fixed-size orders are exactly as long as they are, and take no descriptors. */
static void expect(const struct wire_frame *frame, uint64_t size) {
  if (frame->length != size) fault(FAULT_PAYLOAD_SHORT, frame->length);
  if (frame->descriptors != 0) fault(FAULT_VALUE_OUT_OF_RANGE, frame->descriptors);
}

static void answer(uint32_t id, int64_t result) {
  struct run nothing = {.program = NULL, .error = (int32_t)-result};
  if (id != 0) output_reply(id, &nothing);
}

static void greet(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_hello hello;
  if (frame->type != FRAME_HELLO) fault(FAULT_HELLO_EXPECTED, frame->type);
  expect(frame, sizeof(hello));
  memcpy(&hello, payload, sizeof(hello));
  if (hello.generation != PROTOCOL_GENERATION) fault(FAULT_GENERATION_DIFFERS, PROTOCOL_GENERATION);
  if (hello.hash != PROTOCOL_HASH) fault(FAULT_HASH_DIFFERS, PROTOCOL_HASH);
  agent.greeted = true;
  hello.pid = (int32_t)sys_getpid();
  struct part part = {&hello, sizeof(hello)};
  if (frame->id != 0) (void)output_send(FRAME_ANSWER_HELLO, frame->id, &part, 1, NULL, 0);
}

static bool order_run(const struct wire_frame *frame, uint8_t *payload) {
  struct program program = check_program(payload, frame->length, agent.attached, agent.attached_count);
  struct run run;
  if (!run_open(&run, &program)) fault(FAULT_NO_MEMORY, program.head.reply);
  run_steps(&run);
  if (run.reborn) return false;
  if (run.error != 0) {
    signals_block();
    attached_close(agent.attached, agent.attached_count);
  }
  output_reply(frame->id, &run);
  run_close(&run);
  return true;
}

static void order_cleanup(const struct wire_frame *frame, uint8_t *payload) {
  struct wire_cleanup head;
  if (frame->length < sizeof(head)) fault(FAULT_PAYLOAD_SHORT, frame->length);
  memcpy(&head, payload, sizeof(head));
  if (head.reserved != 0) fault(FAULT_RESERVED_NOT_ZERO, head.reserved);
  cleanup_keep(head.key, payload + sizeof(head), frame->length - (uint32_t)sizeof(head));
}

static void order_signals(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_signals signals;
  expect(frame, sizeof(signals));
  memcpy(&signals, payload, sizeof(signals));
  signals_select(signals.mask);
}

static void order_filter(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_filter filter;
  expect(frame, sizeof(filter));
  memcpy(&filter, payload, sizeof(filter));
  filter_add(&filter);
}

static int64_t order_options(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_options options;
  expect(frame, sizeof(options));
  memcpy(&options, payload, sizeof(options));
  if (options.signal > SIG_LAST) return -EINVAL;
  agent.options = options;
  return 0;
}

static int64_t order_orphan(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_orphan orphan;
  expect(frame, sizeof(orphan));
  memcpy(&orphan, payload, sizeof(orphan));
  return orphan_add(&orphan);
}

static int64_t order_follow(const struct wire_frame *frame, const uint8_t *payload) {
  struct wire_follow order;
  if (frame->length < sizeof(order)) fault(FAULT_PAYLOAD_SHORT, frame->length);
  memcpy(&order, payload, sizeof(order));
  return follow_keep(&order, payload + sizeof(order), frame->length - (uint32_t)sizeof(order));
}

bool order_handle(const struct wire_frame *frame, uint8_t *payload) {
  if (!agent.greeted) {
    greet(frame, payload);
    return true;
  }
  if (!take_attached(frame->descriptors)) {
    answer(frame->id, -EMFILE);
    return true;
  }
  switch (frame->type) {
    case FRAME_RUN:
      if (!order_run(frame, payload)) return false;
      break;
    case FRAME_CLEANUP:
      order_cleanup(frame, payload);
      answer(frame->id, 0);
      break;
    case FRAME_SIGNALS:
      order_signals(frame, payload);
      answer(frame->id, 0);
      break;
    case FRAME_FILTER:
      order_filter(frame, payload);
      answer(frame->id, 0);
      break;
    case FRAME_OPTIONS:
      answer(frame->id, order_options(frame, payload));
      break;
    case FRAME_ORPHAN:
      answer(frame->id, order_orphan(frame, payload));
      break;
    case FRAME_FOLLOW:
      answer(frame->id, order_follow(frame, payload));
      break;
    case FRAME_DETACH:
      expect(frame, 0);
      agent.detached = true;
      /* Who is orphaned below it has nobody else from now on. */
      (void)sys_prctl(PR_SET_CHILD_SUBREAPER, 1);
      answer(frame->id, 0);
      break;
    default:
      fault(FAULT_FRAME_UNKNOWN, frame->type);
  }
  agent.attached_count = 0;
  return true;
}
