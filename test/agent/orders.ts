import { protocolHash } from '../../src/protocol/hash.ts'
import { FILTER_BITS, GENERATION, LIMITS, SPECIALS, VALUES } from '../../src/protocol/wire.ts'
import { concat, frame, hello, little, program, struct } from './encode.ts'
import {
  ECHO,
  CHILD,
  FIRST_FD,
  ENOSYS,
  PID,
  run,
  reply,
  good,
  text,
  relocation,
  cloneArguments,
  type Vector,
} from './vector.ts'

const [EINVAL, ENOEXEC] = [22, 8]

/** Of x86-64's second table */
const X32_GETPID = 0x40000027

/** A descriptor of another file than the agent's (agent/test/kernel.c) */
const FOREIGN_FD = 9

/** A bit of a filter, as its words. */
const bits = (bit: number) => Array.from({ length: 8 }, (_, i) => (i === bit >> 6 ? 1n << BigInt(bit & 63) : 0n))

/** Of a command, each with a NUL behind. */
const words = (value: string): Uint8Array => new TextEncoder().encode(value)

/** What a process says of itself when it is a fresh image. */
const image = frame('ANSWER_HELLO', struct('hello', { generation: GENERATION, pid: PID, hash: protocolHash() }), {
  id: 7,
})

/** Connections that go well. */
export const orders: readonly Vector[] = [
  good('hello', [], []),
  { name: 'hello-unanswered', input: hello(0), answer: new Uint8Array(0), code: 0, descriptors: 0 },
  good('run-empty', [run({})], [reply([])]),
  good(
    'run-results',
    [
      run({
        steps: [
          [ECHO, 5],
          [ECHO, -5_000],
          [ECHO, 2n ** 62n],
        ],
      }),
    ],
    [reply([5, -5_000, 2n ** 62n])],
  ),
  good('run-unanswered', [frame('RUN', program({ steps: [[ECHO, 1]] }))], []),
  good(
    'run-result-as-argument',
    [
      run({
        steps: [
          [ECHO, 5],
          [ECHO, ['RESULT', 0]],
        ],
      }),
    ],
    [reply([5, 5])],
  ),
  good('run-reply', [run({ steps: [[ECHO, ['LOAD', 4]]], reply: 8 })], [reply([0], { reply: new Uint8Array(8) })]),
  good('run-attached', [run({ steps: [[ECHO, ['ATTACHED', 1]]] }, 2)], [reply([FIRST_FD + 1])], 2),
  good(
    'run-stops',
    [
      run({
        steps: [
          [ECHO, 1],
          [ECHO, -13],
          [ECHO, 3],
        ],
        reply: 4,
      }),
    ],
    [reply([1, -13], { error: 13, reply: new Uint8Array(4) })],
  ),
  good(
    'run-tolerates',
    [
      run({
        steps: [
          [ECHO, -13],
          [ECHO, -130],
        ],
        tolerated: { 0: [13], 1: [130] },
      }),
    ],
    [reply([-13, -130])],
  ),
  good(
    'run-inherits-failure',
    [
      run({
        steps: [
          [ECHO, -13],
          [ECHO, ['RESULT', 0]],
          [ECHO, 1],
        ],
        tolerated: { 0: [13] },
      }),
    ],
    [reply([-13, -13, 1])],
  ),
  good('run-unknown-call', [run({ steps: [[4000]] })], [reply([-ENOSYS], { error: ENOSYS })]),
  good(
    'run-sends',
    [run({ steps: [[ECHO, 9]], sends: [{ kind: VALUES.RESULT, value: 0 }] })],
    [reply([9], { descriptors: 1 })],
  ),
  good(
    'run-sends-nothing-after-failure',
    [
      run({
        steps: [
          [ECHO, 9],
          [ECHO, -1],
        ],
        sends: [{ kind: VALUES.RESULT, value: 0 }],
      }),
    ],
    [reply([9, -1], { error: 1 })],
  ),
  good(
    'run-padded',
    [frame('RUN', concat(program({ data: new Uint8Array(3) }), new Uint8Array(5)), { id: 7 })],
    [reply([])],
  ),
  good(
    'run-twice-unaligned',
    [run({ data: new Uint8Array(3) }), run({ steps: [[ECHO, 6]], data: new Uint8Array(1) })],
    [reply([]), reply([6])],
  ),
  good(
    'clone',
    [run({ steps: [[SPECIALS.CLONE, ['DATA', 0], 88, ['ATTACHED', 0], 0, 0]], data: cloneArguments }, 1)],
    [reply([CHILD])],
  ),
  good(
    'clone-keeps',
    [
      run(
        {
          steps: [[SPECIALS.CLONE, ['DATA', 0], 88, ['ATTACHED', 0], ['DATA', 88], 2]],
          relocations: [relocation('WORD32', 'ATTACHED', 2, 88, 0), relocation('WORD32', 'ATTACHED', 1, 92, 0)],
          data: concat(cloneArguments, new Uint8Array(8)),
        },
        3,
      ),
    ],
    [reply([CHILD])],
    2,
  ),
  good(
    'clone-refused-flags',
    [
      run(
        {
          steps: [[SPECIALS.CLONE, ['DATA', 0], 88, ['ATTACHED', 0], 0, 0]],
          data: concat(little(0x100n, 8), cloneArguments.slice(8)),
        },
        1,
      ),
    ],
    [reply([-22], { error: 22 })],
  ),
  good(
    'run-sends-attached',
    [run({ sends: [{ kind: VALUES.ATTACHED, value: 0 }] }, 1)],
    [reply([], { descriptors: 1 })],
  ),
  good('run-fails-closes-attached', [run({ steps: [[ECHO, -1]] }, 2)], [reply([-1], { error: 1 })]),
  good(
    'clone-pointer-outside',
    [run({ steps: [[SPECIALS.CLONE, 4096, 88, ['ATTACHED', 0], 0, 0]] }, 1)],
    [reply([-14], { error: 14 })],
  ),
  good(
    'descriptors',
    [run({ steps: [[SPECIALS.DESCRIPTORS, ['DATA', 0], 2]], data: new Uint8Array(16) })],
    [reply([0])],
  ),
  good(
    'descriptors-outside',
    [run({ steps: [[SPECIALS.DESCRIPTORS, ['DATA', 1], 2]], data: new Uint8Array(16) })],
    [reply([-14], { error: 14 })],
  ),
  good(
    'relocations',
    [
      run(
        {
          steps: [
            [ECHO, 5],
            [ECHO, 6],
          ],
          relocations: [
            relocation('TEXT', 'RESULT', 0),
            relocation('WORD32', 'ATTACHED', 0, 24),
            relocation('WORD64', 'LOAD', 0, 32),
          ],
          data: concat(text(0), new Uint8Array(19)),
          reply: 4,
        },
        1,
      ),
    ],
    [reply([5, 6], { reply: new Uint8Array(4) })],
    1,
  ),
  good(
    'cleanup-kept-replaced-forgotten',
    [
      frame('CLEANUP', concat(struct('cleanup', { key: 1 }), program({ steps: [[ECHO, 1]] })), { id: 7 }),
      frame('CLEANUP', concat(struct('cleanup', { key: 1 }), program({ steps: [[ECHO, -16]] })), {
        id: 7,
        descriptors: 1,
      }),
      frame('CLEANUP', concat(struct('cleanup', { key: 2 }), program({ steps: [[ECHO, 3]] })), { id: 7 }),
      frame('CLEANUP', struct('cleanup', { key: 2 }), { id: 7 }),
    ],
    [reply([]), reply([]), reply([]), reply([])],
  ),
  good('signals', [frame('SIGNALS', struct('signals', { mask: 2n ** 63n + 1n }), { id: 7 })], [reply([])]),
  good(
    'run-returns-data',
    [
      run({
        head: { returns: 1 },
        steps: [
          [ECHO, 7],
          [ECHO, 8],
        ],
        relocations: [relocation('WORD32', 'RESULT', 0, 4)],
        data: new Uint8Array(8),
        reply: 2,
      }),
    ],
    [reply([7, 8], { reply: new Uint8Array(2), data: Uint8Array.of(0, 0, 0, 0, 7, 0, 0, 0) })],
  ),
  good(
    'filter',
    [
      frame('FILTER', struct('filter', { own: bits(FILTER_BITS.CLONE) }), { id: 7 }),
      frame('FILTER', struct('filter', { own: bits(FILTER_BITS.OTHERS), children: bits(1) }), { id: 7 }),
      run({ steps: [[1, 2, 3]] }),
      run({ steps: [[SPECIALS.CLONE, ['DATA', 0], 88, 0, 0, 0]], data: cloneArguments }),
      run({ steps: [[ECHO, 1]] }),
    ],
    [
      reply([]),
      reply([]),
      reply([-ENOSYS], { error: ENOSYS }),
      reply([-LIMITS.FILTERED], { error: LIMITS.FILTERED }),
      reply([-LIMITS.FILTERED], { error: LIMITS.FILTERED }),
    ],
  ),
  good(
    'filter-other-table',
    [
      frame('FILTER', struct('filter', { own: bits(1) }), { id: 7 }),
      run({ steps: [[X32_GETPID]] }),
      run({ steps: [[ECHO, 1]] }),
    ],
    [reply([]), reply([-LIMITS.FILTERED], { error: LIMITS.FILTERED }), reply([1])],
  ),
  good(
    'options',
    [
      frame('OPTIONS', struct('options', { signal: 15, grace_ms: 100 }), { id: 7 }),
      frame('OPTIONS', struct('options', { signal: 65 }), { id: 7 }),
    ],
    [reply([]), reply([], { error: EINVAL })],
  ),
  good(
    'orphan',
    [
      frame('ORPHAN', struct('orphan', { pid: CHILD, signal: 0 }), { id: 7 }),
      frame('ORPHAN', struct('orphan', { pid: CHILD, signal: LIMITS.NOTHING_ELSE }), { id: 7 }),
      frame('ORPHAN', struct('orphan', { pid: CHILD, signal: 65 }), { id: 7 }),
    ],
    [reply([]), reply([]), reply([], { error: EINVAL })],
  ),
  {
    ...good(
      'follow',
      [
        frame('FOLLOW', struct('follow', { pid: CHILD, terminal: 0 }), { id: 7 }),
        frame('FOLLOW', concat(struct('follow', { pid: CHILD, terminal: 1 }), words('/bin/true\0delete\0')), { id: 7 }),
        frame('FOLLOW', concat(struct('follow', { pid: CHILD }), words('not ended')), { id: 7 }),
        frame('FOLLOW', struct('follow', { pid: 0 }), { id: 7 }),
      ],
      [reply([]), reply([]), reply([], { error: EINVAL }), reply([], { error: EINVAL })],
    ),
    // This kernel has no such child to end.
    code: 125,
  },
  good(
    'reexec-of-another-file',
    [run({ steps: [[SPECIALS.REEXEC, FOREIGN_FD]] })],
    [reply([-ENOEXEC], { error: ENOEXEC })],
  ),
  good(
    'reexec-keeps-filter-and-cleanup',
    [
      frame('FILTER', struct('filter', { own: bits(1) }), { id: 7 }),
      frame('CLEANUP', concat(struct('cleanup', { key: 1 }), program({ steps: [[ECHO, ['ATTACHED', 1]]] })), {
        id: 7,
        descriptors: 2,
      }),
      run({ steps: [[SPECIALS.REEXEC, -1]] }),
    ],
    [reply([]), reply([]), image],
  ),
  good('detach', [frame('DETACH', new Uint8Array(0), { id: 7 })], [reply([])]),
]

const long = { steps: Array.from({ length: 500 }, (_, i) => [ECHO, i]), data: new Uint8Array(5), reply: 3 }
/** Frames and replies that are longer than the agent's buffers. */
export const large: readonly Vector[] = [
  good(
    'run-longer-than-the-buffer',
    [run(long), run({})],
    [
      reply(
        long.steps.map((_, i) => i),
        { reply: new Uint8Array(3) },
      ),
      reply([]),
    ],
  ),
  good('run-larger-reply', [run({ reply: 40_000 })], [reply([], { reply: new Uint8Array(40_000) })]),
]

/** Connections that end in the middle of a frame. */
export const truncated: readonly Vector[] = [
  good('end-in-header', [run({}).slice(0, 7)], []),
  good('end-in-payload', [run({}).slice(0, 20)], []),
  good('end-in-long-payload', [run(long).slice(0, 33_000)], []),
]
