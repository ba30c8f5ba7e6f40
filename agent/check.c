/* Owns: the proof that a program stays inside its frame, before its first step runs.
 * Must not: change anything; a broken rule is a fault.
 * Depends on: output.c for fault. Start reading at: check_program. */
#include "agent.h"

enum { ARGUMENTS = 6, KIND_BITS = 4, KIND_MASK = 15 };

/* A value that step number `step` may use. */
static void check_value(const struct program *program, uint32_t kind, uint64_t value, uint32_t step) {
  bool good;
  switch (kind) {
    case VALUE_IMMEDIATE:
      return;
    case VALUE_DATA:
      good = value <= program->head.data;
      break;
    case VALUE_REPLY:
      good = value <= program->head.reply;
      break;
    case VALUE_RESULT:
      good = value < step;
      break;
    case VALUE_ATTACHED:
      good = value < program->attached_count;
      break;
    case VALUE_LOAD:
      good = program->head.reply >= sizeof(int32_t) && value <= program->head.reply - sizeof(int32_t);
      break;
    default:
      fault(FAULT_VALUE_UNKNOWN, kind);
  }
  if (!good) fault(FAULT_VALUE_OUT_OF_RANGE, value);
}

static void check_steps(const struct program *program) {
  for (uint32_t i = 0; i < program->head.steps; i++) {
    const struct wire_step *step = &program->steps[i];
    if (step->kinds >> (ARGUMENTS * KIND_BITS) != 0) fault(FAULT_RESERVED_NOT_ZERO, step->kinds);
    for (uint32_t a = 0; a < ARGUMENTS; a++)
      check_value(program, step->kinds >> (a * KIND_BITS) & KIND_MASK, step->arguments[a], i);
  }
}

static void check_relocations(const struct program *program) {
  uint32_t before = 0;
  for (uint32_t i = 0; i < program->head.relocations; i++) {
    const struct wire_relocation *r = &program->relocations[i];
    if (r->step < before) fault(FAULT_RELOCATION_UNORDERED, i);
    if (r->step >= program->head.steps) fault(FAULT_VALUE_OUT_OF_RANGE, r->step);
    if (r->width != WIDTH_TEXT && r->width != WIDTH_WORD32 && r->width != WIDTH_WORD64)
      fault(FAULT_VALUE_UNKNOWN, r->width);
    uint64_t size = r->width == WIDTH_TEXT ? LIMIT_TEXT : r->width;
    if (r->at + size > program->head.data) fault(FAULT_VALUE_OUT_OF_RANGE, r->at);
    check_value(program, r->kind, r->value, r->step);
    before = r->step;
  }
}

static void check_sends(const struct program *program) {
  if (program->head.sends > LIMIT_DESCRIPTORS) fault(FAULT_VALUE_OUT_OF_RANGE, program->head.sends);
  for (uint32_t i = 0; i < program->head.sends; i++) {
    const struct wire_send *send = &program->sends[i];
    /* An address is no descriptor. */
    if (send->kind == VALUE_DATA || send->kind == VALUE_REPLY) fault(FAULT_VALUE_UNKNOWN, send->kind);
    check_value(program, send->kind, send->value, program->head.steps);
  }
}

struct program check_program(uint8_t *bytes, uint64_t length, int32_t *attached, uint32_t attached_count) {
  struct program program = {.attached = attached, .attached_count = attached_count};
  if (length < sizeof(program.head)) fault(FAULT_PAYLOAD_SHORT, length);
  program.head = *(struct wire_program *)(void *)bytes;
  const struct wire_program *head = &program.head;
  /* Counts have 32 bits and the parts less than 128 bytes each: 64 bits cannot overflow. */
  uint64_t steps_at = sizeof(*head);
  uint64_t relocations_at = steps_at + head->steps * (uint64_t)sizeof(struct wire_step);
  uint64_t sends_at = relocations_at + head->relocations * (uint64_t)sizeof(struct wire_relocation);
  uint64_t data_at = sends_at + head->sends * (uint64_t)sizeof(struct wire_send);
  uint64_t end = data_at + head->data;
  if (end > length) fault(FAULT_PAYLOAD_SHORT, end);
  /* A sender may pad a frame to a multiple of 8, no further. */
  if (length - end >= 8) fault(FAULT_VALUE_OUT_OF_RANGE, length - end);
  if (head->returns > 1) fault(FAULT_VALUE_UNKNOWN, head->returns);
  uint64_t answer = sizeof(struct wire_reply) + head->steps * (uint64_t)sizeof(int64_t) + head->reply;
  if (head->returns != 0) answer += head->data;
  if (answer > LIMIT_FRAME) fault(FAULT_VALUE_OUT_OF_RANGE, answer);
  program.steps = (void *)(bytes + steps_at);
  program.relocations = (void *)(bytes + relocations_at);
  program.sends = (void *)(bytes + sends_at);
  program.data = bytes + data_at;
  check_steps(&program);
  check_relocations(&program);
  check_sends(&program);
  return program;
}
