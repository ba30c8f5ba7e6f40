/* Generated from src/protocol/wire.ts by tools/generate.ts. Do not edit. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");
_Static_assert(sizeof(void *) == 8, "arguments are 64 bits wide");

#define PROTOCOL_GENERATION 1U
#define PROTOCOL_HASH 0x02183aba4298c26eULL

#define LIMIT_FRAME 0xfffff0U
#define LIMIT_DESCRIPTORS 253U
#define LIMIT_CONTROL 3U
#define LIMIT_KEPT 4U
#define LIMIT_TEXT 21U
#define LIMIT_CLEANUP_MS 150U
#define LIMIT_GRACE_MS 2000U
#define LIMIT_NOTHING_ELSE 255U
#define LIMIT_FILTER 512U
#define LIMIT_FILTERED 4095U
#define LIMIT_ORPHANS 1024U

#define FRAME_HELLO 1U
#define FRAME_RUN 2U
#define FRAME_CLEANUP 3U
#define FRAME_SIGNALS 4U
#define FRAME_DETACH 5U
#define FRAME_FILTER 6U
#define FRAME_OPTIONS 7U
#define FRAME_ORPHAN 8U
#define FRAME_FOLLOW 9U
#define FRAME_ANSWER_HELLO 129U
#define FRAME_REPLY 130U
#define FRAME_FAULT 131U
#define FRAME_EXITED 132U
#define FRAME_CAUGHT 133U

#define VALUE_IMMEDIATE 0U
#define VALUE_DATA 1U
#define VALUE_REPLY 2U
#define VALUE_RESULT 3U
#define VALUE_ATTACHED 4U
#define VALUE_LOAD 5U

#define WIDTH_TEXT 0U
#define WIDTH_WORD32 4U
#define WIDTH_WORD64 8U

#define SPECIAL_CLONE 0xffffff01U
#define SPECIAL_DESCRIPTORS 0xffffff02U
#define SPECIAL_REEXEC 0xffffff03U

#define FILTER_OTHERS 511U
#define FILTER_CLONE 510U
#define FILTER_DESCRIPTORS 509U
#define FILTER_REEXEC 508U

#define FAULT_FRAME_TOO_LONG 1U
#define FAULT_FRAME_UNKNOWN 2U
#define FAULT_HELLO_EXPECTED 3U
#define FAULT_GENERATION_DIFFERS 4U
#define FAULT_HASH_DIFFERS 5U
#define FAULT_PAYLOAD_SHORT 6U
#define FAULT_VALUE_UNKNOWN 7U
#define FAULT_VALUE_OUT_OF_RANGE 8U
#define FAULT_RELOCATION_UNORDERED 9U
#define FAULT_DESCRIPTORS_MISSING 10U
#define FAULT_NO_MEMORY 11U
#define FAULT_RESERVED_NOT_ZERO 12U
#define FAULT_DESCRIPTORS_SURPLUS 13U

struct wire_frame {
  uint32_t length;
  uint32_t id;
  uint16_t type;
  uint16_t descriptors;
  uint32_t reserved;
};
_Static_assert(offsetof(struct wire_frame, length) == 0, "wire_frame.length");
_Static_assert(offsetof(struct wire_frame, id) == 4, "wire_frame.id");
_Static_assert(offsetof(struct wire_frame, type) == 8, "wire_frame.type");
_Static_assert(offsetof(struct wire_frame, descriptors) == 10, "wire_frame.descriptors");
_Static_assert(offsetof(struct wire_frame, reserved) == 12, "wire_frame.reserved");
_Static_assert(sizeof(struct wire_frame) == 16, "wire_frame");

struct wire_hello {
  uint32_t generation;
  int32_t pid;
  uint64_t hash;
};
_Static_assert(offsetof(struct wire_hello, generation) == 0, "wire_hello.generation");
_Static_assert(offsetof(struct wire_hello, pid) == 4, "wire_hello.pid");
_Static_assert(offsetof(struct wire_hello, hash) == 8, "wire_hello.hash");
_Static_assert(sizeof(struct wire_hello) == 16, "wire_hello");

struct wire_program {
  uint32_t steps;
  uint32_t relocations;
  uint32_t sends;
  uint32_t data;
  uint32_t reply;
  uint32_t returns;
};
_Static_assert(offsetof(struct wire_program, steps) == 0, "wire_program.steps");
_Static_assert(offsetof(struct wire_program, relocations) == 4, "wire_program.relocations");
_Static_assert(offsetof(struct wire_program, sends) == 8, "wire_program.sends");
_Static_assert(offsetof(struct wire_program, data) == 12, "wire_program.data");
_Static_assert(offsetof(struct wire_program, reply) == 16, "wire_program.reply");
_Static_assert(offsetof(struct wire_program, returns) == 20, "wire_program.returns");
_Static_assert(sizeof(struct wire_program) == 24, "wire_program");

struct wire_step {
  uint32_t number;
  uint32_t kinds;
  uint64_t arguments[6];
  uint64_t tolerated[3];
};
_Static_assert(offsetof(struct wire_step, number) == 0, "wire_step.number");
_Static_assert(offsetof(struct wire_step, kinds) == 4, "wire_step.kinds");
_Static_assert(offsetof(struct wire_step, arguments) == 8, "wire_step.arguments");
_Static_assert(offsetof(struct wire_step, tolerated) == 56, "wire_step.tolerated");
_Static_assert(sizeof(struct wire_step) == 80, "wire_step");

struct wire_relocation {
  uint32_t step;
  uint32_t at;
  uint16_t kind;
  uint16_t width;
  uint32_t value;
};
_Static_assert(offsetof(struct wire_relocation, step) == 0, "wire_relocation.step");
_Static_assert(offsetof(struct wire_relocation, at) == 4, "wire_relocation.at");
_Static_assert(offsetof(struct wire_relocation, kind) == 8, "wire_relocation.kind");
_Static_assert(offsetof(struct wire_relocation, width) == 10, "wire_relocation.width");
_Static_assert(offsetof(struct wire_relocation, value) == 12, "wire_relocation.value");
_Static_assert(sizeof(struct wire_relocation) == 16, "wire_relocation");

struct wire_send {
  uint32_t kind;
  uint32_t value;
};
_Static_assert(offsetof(struct wire_send, kind) == 0, "wire_send.kind");
_Static_assert(offsetof(struct wire_send, value) == 4, "wire_send.value");
_Static_assert(sizeof(struct wire_send) == 8, "wire_send");

struct wire_reply {
  uint32_t results;
  int32_t error;
  uint32_t reply;
  uint32_t data;
};
_Static_assert(offsetof(struct wire_reply, results) == 0, "wire_reply.results");
_Static_assert(offsetof(struct wire_reply, error) == 4, "wire_reply.error");
_Static_assert(offsetof(struct wire_reply, reply) == 8, "wire_reply.reply");
_Static_assert(offsetof(struct wire_reply, data) == 12, "wire_reply.data");
_Static_assert(sizeof(struct wire_reply) == 16, "wire_reply");

struct wire_fault {
  uint32_t code;
  uint32_t reserved;
  uint64_t value;
};
_Static_assert(offsetof(struct wire_fault, code) == 0, "wire_fault.code");
_Static_assert(offsetof(struct wire_fault, reserved) == 4, "wire_fault.reserved");
_Static_assert(offsetof(struct wire_fault, value) == 8, "wire_fault.value");
_Static_assert(sizeof(struct wire_fault) == 16, "wire_fault");

struct wire_cleanup {
  uint32_t key;
  uint32_t reserved;
};
_Static_assert(offsetof(struct wire_cleanup, key) == 0, "wire_cleanup.key");
_Static_assert(offsetof(struct wire_cleanup, reserved) == 4, "wire_cleanup.reserved");
_Static_assert(sizeof(struct wire_cleanup) == 8, "wire_cleanup");

struct wire_signals {
  uint64_t mask;
};
_Static_assert(offsetof(struct wire_signals, mask) == 0, "wire_signals.mask");
_Static_assert(sizeof(struct wire_signals) == 8, "wire_signals");

struct wire_filter {
  uint64_t own[8];
  uint64_t children[8];
};
_Static_assert(offsetof(struct wire_filter, own) == 0, "wire_filter.own");
_Static_assert(offsetof(struct wire_filter, children) == 64, "wire_filter.children");
_Static_assert(sizeof(struct wire_filter) == 128, "wire_filter");

struct wire_options {
  uint32_t signal;
  uint32_t grace_ms;
};
_Static_assert(offsetof(struct wire_options, signal) == 0, "wire_options.signal");
_Static_assert(offsetof(struct wire_options, grace_ms) == 4, "wire_options.grace_ms");
_Static_assert(sizeof(struct wire_options) == 8, "wire_options");

struct wire_orphan {
  int32_t pid;
  uint32_t signal;
};
_Static_assert(offsetof(struct wire_orphan, pid) == 0, "wire_orphan.pid");
_Static_assert(offsetof(struct wire_orphan, signal) == 4, "wire_orphan.signal");
_Static_assert(sizeof(struct wire_orphan) == 8, "wire_orphan");

struct wire_follow {
  int32_t pid;
  uint32_t terminal;
};
_Static_assert(offsetof(struct wire_follow, pid) == 0, "wire_follow.pid");
_Static_assert(offsetof(struct wire_follow, terminal) == 4, "wire_follow.terminal");
_Static_assert(sizeof(struct wire_follow) == 8, "wire_follow");

struct wire_exited {
  int32_t pid;
  int32_t status;
};
_Static_assert(offsetof(struct wire_exited, pid) == 0, "wire_exited.pid");
_Static_assert(offsetof(struct wire_exited, status) == 4, "wire_exited.status");
_Static_assert(sizeof(struct wire_exited) == 8, "wire_exited");

#endif
