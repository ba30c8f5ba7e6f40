/**
 * The wire format between Node and an agent, stated once: `agent/generated/protocol.h` is rendered from these tables, and a hash of
 * them is the first thing each connection carries. Little-endian; every connection is one unix stream socket to one process.
 *
 *     Node                                  agent
 *      | HELLO {generation, hash} ----------> |   first frame of a connection; a wrong one ends this process alone
 *      | <---------- HELLO {generation, pid}  |   only if the order had an id
 *      | RUN {program} + descriptors -------> |   any number, answered in order
 *      | <------ REPLY {results} + descriptors|   id of its order
 *      | CLEANUP {key, program} ------------> |   kept; run when the connection closes, newest first
 *      | SIGNALS {mask} --------------------> |
 *      | <--------------------- EXITED, CAUGHT|   events, id 0, at any time
 *      | FILTER, OPTIONS, ORPHAN -----------> |
 *      | FOLLOW {pid, command} -------------> |   at the end of the connection: stand in for this child's terminal and end with its status
 *      | DETACH ----------------------------> |   from now on the end of the connection is not the end of the tree
 *      | (close) ---------------------------> |   kill what is owned, reap, run the clean-up programs, exit
 *
 * A frame is a header and `length` bytes of payload. Descriptors travel by SCM_RIGHTS with the frame's first byte. An order with
 * id 0 gets no answer. The agent answers a frame that breaks a rule with FAULT and exits.
 */
export const GENERATION = 1

/** Limits that both sides check before they believe a number. */
export const LIMITS = {
  /** Bytes of one frame's payload */
  FRAME: 16 * 1024 * 1024 - 16,
  /** Descriptors of one frame, SCM_MAX_FD of the kernel */
  DESCRIPTORS: 253,
  /** Descriptor of the control socket in a fresh child */
  CONTROL: 3,
  /** First descriptor of those that a child keeps, in the order given */
  KEPT: 4,
  /** Bytes that a relocation of width TEXT writes: 20 digits of a 64-bit number and a NUL */
  TEXT: 21,
  /** How long a clean-up program that meets EBUSY is tried again, in milliseconds */
  CLEANUP_MS: 150,
  /** How long a child that was asked to end has before it is killed, until OPTIONS say otherwise */
  GRACE_MS: 2000,
  /** Signal of an ORPHAN order that forgets an earlier one */
  NOTHING_ELSE: 255,
  /** Bits of a filter: one per system call number, then those of FILTER_BITS */
  FILTER: 512,
  /** Result of a step that the filter forbids: an error that the kernel never gives (MAX_ERRNO) */
  FILTERED: 4095,
  /** Children of one process for which something else was said than for the others */
  ORPHANS: 1024,
} as const

/** Frame types: orders below 128, answers and events above. Append-only. */
export const FRAMES = {
  HELLO: 1,
  RUN: 2,
  CLEANUP: 3,
  SIGNALS: 4,
  DETACH: 5,
  FILTER: 6,
  OPTIONS: 7,
  ORPHAN: 8,
  FOLLOW: 9,
  ANSWER_HELLO: 129,
  REPLY: 130,
  FAULT: 131,
  EXITED: 132,
  CAUGHT: 133,
} as const

/** Where an argument, a relocation or a sent descriptor takes its value from. Append-only. */
export const VALUES = {
  /** The number itself */
  IMMEDIATE: 0,
  /** Address of an offset into the program's data */
  DATA: 1,
  /** Address of an offset into the reply buffer */
  REPLY: 2,
  /** Result of an earlier step; a step that uses a failed one is not executed and fails alike */
  RESULT: 3,
  /** Descriptor number of the n-th descriptor that came with the frame */
  ATTACHED: 4,
  /** The 32-bit signed number that the kernel wrote at an offset of the reply buffer */
  LOAD: 5,
} as const

/** How a relocation writes its value into the data. */
export const WIDTHS = { TEXT: 0, WORD32: 4, WORD64: 8 } as const

/** Step numbers that are no system calls: the few things that cannot be generic. */
export const SPECIALS = {
  /** clone_args, its size, control socket, address of the kept descriptors (int32 each), their count; result: pid */
  CLONE: 0xffffff01,
  /** address of (source, target) pairs of int32, their count: puts descriptors where a program expects them, all others close-on-exec */
  DESCRIPTORS: 0xffffff02,
  /** descriptor of an agent's binary, -1 for /proc/self/exe: the process becomes a fresh image of it, and says ANSWER_HELLO instead of REPLY */
  REEXEC: 0xffffff03,
} as const

/** Bits of a filter that stand for no system call number. */
export const FILTER_BITS = {
  /** Every number that has no bit of its own */
  OTHERS: 511,
  CLONE: 510,
  DESCRIPTORS: 509,
  REEXEC: 508,
} as const

/** Why an agent refused a frame (payload of FAULT: code, then the number that broke the rule). */
export const FAULTS = {
  FRAME_TOO_LONG: 1,
  FRAME_UNKNOWN: 2,
  HELLO_EXPECTED: 3,
  GENERATION_DIFFERS: 4,
  HASH_DIFFERS: 5,
  PAYLOAD_SHORT: 6,
  VALUE_UNKNOWN: 7,
  VALUE_OUT_OF_RANGE: 8,
  RELOCATION_UNORDERED: 9,
  DESCRIPTORS_MISSING: 10,
  NO_MEMORY: 11,
  RESERVED_NOT_ZERO: 12,
  DESCRIPTORS_SURPLUS: 13,
} as const

/** Field types of wire structs and their C types. */
export const FIELD_TYPES = {
  u16: { size: 2, c: 'uint16_t' },
  u32: { size: 4, c: 'uint32_t' },
  i32: { size: 4, c: 'int32_t' },
  u64: { size: 8, c: 'uint64_t' },
} as const

type Field = readonly [name: string, type: keyof typeof FIELD_TYPES, count?: number]

/** Fixed-size parts of frames, in the order of their bytes; naturally aligned, no padding. */
export const STRUCTS = {
  frame: [
    ['length', 'u32'],
    ['id', 'u32'],
    ['type', 'u16'],
    ['descriptors', 'u16'],
    ['reserved', 'u32'],
  ],
  hello: [
    ['generation', 'u32'],
    ['pid', 'i32'],
    ['hash', 'u64'],
  ],
  /** Followed by steps, relocations, sends, data; every part is a multiple of 8 bytes long but the last. `returns` 1: the data comes back */
  program: [
    ['steps', 'u32'],
    ['relocations', 'u32'],
    ['sends', 'u32'],
    ['data', 'u32'],
    ['reply', 'u32'],
    ['returns', 'u32'],
  ],
  /** `kinds` holds a VALUES number per argument, 4 bits each, the first lowest; `tolerated` is a bit per errno below 192 */
  step: [
    ['number', 'u32'],
    ['kinds', 'u32'],
    ['arguments', 'u64', 6],
    ['tolerated', 'u64', 3],
  ],
  /** Sorted by step; applied just before it: writes a value of `kind` into the data at `at` */
  relocation: [
    ['step', 'u32'],
    ['at', 'u32'],
    ['kind', 'u16'],
    ['width', 'u16'],
    ['value', 'u32'],
  ],
  /** A descriptor that goes to Node with the reply and is closed here afterwards */
  send: [
    ['kind', 'u32'],
    ['value', 'u32'],
  ],
  /** Followed by `results` numbers of 8 bytes, `reply` and `data` bytes; `error` is 0 or the errno of the last of the results */
  reply: [
    ['results', 'u32'],
    ['error', 'i32'],
    ['reply', 'u32'],
    ['data', 'u32'],
  ],
  fault: [
    ['code', 'u32'],
    ['reserved', 'u32'],
    ['value', 'u64'],
  ],
  /** Followed by a program, or by nothing to forget the key */
  cleanup: [
    ['key', 'u32'],
    ['reserved', 'u32'],
  ],
  signals: [['mask', 'u64']],
  /** Calls that this process, and children that it makes from now on, may not make; only ever grows */
  filter: [
    ['own', 'u64', 8],
    ['children', 'u64', 8],
  ],
  /** What the children get when the connection has ended: a signal (0: nothing, they are waited for), then this long until SIGKILL */
  options: [
    ['signal', 'u32'],
    ['grace_ms', 'u32'],
  ],
  /** The same for one child; NOTHING_ELSE: what the options say */
  orphan: [
    ['pid', 'i32'],
    ['signal', 'u32'],
  ],
  /**
   * Followed by words that end in NUL each, or nothing: a command that is executed at the end with the status as one more word, when
   * no clean-up program is registered or one fails. `terminal` 1: descriptor 4 is the master of the child's terminal
   */
  follow: [
    ['pid', 'i32'],
    ['terminal', 'u32'],
  ],
  /** Followed by the kernel's struct rusage; `status` is that of wait4(2) */
  exited: [
    ['pid', 'i32'],
    ['status', 'i32'],
  ],
} as const satisfies Record<string, readonly Field[]>
