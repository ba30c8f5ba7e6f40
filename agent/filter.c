/* Owns: which calls this process may still make, and which its future children may.
 * Must not: ever allow again what was forbidden.
 * Depends on: generated/protocol.h. Start reading at: filter_forbids. */
#include "agent.h"

enum { WORD_BITS = 64 };

static uint32_t bit_of(uint32_t number) {
  switch (number) {
    case SPECIAL_CLONE:
      return FILTER_CLONE;
    case SPECIAL_DESCRIPTORS:
      return FILTER_DESCRIPTORS;
    case SPECIAL_REEXEC:
      return FILTER_REEXEC;
    default:
      return number < FILTER_REEXEC ? number : FILTER_OTHERS;
  }
}

static bool any(void) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < LIMIT_FILTER / WORD_BITS; i++)
    bits |= agent.filter.own[i];
  return bits != 0;
}

bool filter_forbids(uint32_t number) {
  uint32_t bit = bit_of(number);
  /* They would be a way around every other bit. */
  if (bit == FILTER_OTHERS && (number & X32_BIT) != 0) return any();
  return (agent.filter.own[bit / WORD_BITS] >> (bit % WORD_BITS) & 1) != 0;
}

void filter_add(const struct wire_filter *more) {
  for (uint32_t i = 0; i < LIMIT_FILTER / WORD_BITS; i++) {
    agent.filter.own[i] |= more->own[i];
    agent.filter.children[i] |= more->children[i];
  }
}

/* In a fresh child: what was said about children is now about it, and about its own. */
void filter_inherit(void) {
  for (uint32_t i = 0; i < LIMIT_FILTER / WORD_BITS; i++)
    agent.filter.own[i] = agent.filter.children[i];
}
