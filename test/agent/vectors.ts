import { FAULTS, FRAMES, GENERATION, LIMITS, SPECIALS, VALUES, WIDTHS } from '../../src/protocol/wire.ts'
import { protocolHash } from '../../src/protocol/hash.ts'
import { concat, frame, hello, hex, little, program, struct, type ProgramParts } from './encode.ts'

/** One connection: what Node sends, what the agent answers, its exit code, and how many descriptors it still has then. */
export interface Vector {
  readonly name: string
  readonly input: Uint8Array
  readonly answer: Uint8Array
  readonly code: number
  readonly descriptors: number
}

/** Numbers of agent/test/kernel.c: the call that answers its first argument, the pid, a child's pid, the first descriptor. */
const ECHO = 1000
const PID = 42
const CHILD = 77
const FIRST_FD = 1000
const ENOSYS = 38

const greeted = frame('ANSWER_HELLO', struct('hello', { generation: GENERATION, pid: PID, hash: protocolHash() }), {
  id: 1,
})
const run = (parts: ProgramParts, descriptors = 0): Uint8Array => frame('RUN', program(parts), { id: 7, descriptors })

interface Answer {
  readonly error?: number
  readonly reply?: Uint8Array
  readonly descriptors?: number
}

function reply(
  results: readonly (number | bigint)[],
  { error = 0, reply: bytes = new Uint8Array(0), descriptors = 0 }: Answer = {},
): Uint8Array {
  const head = struct('reply', { results: results.length, error, reply: bytes.length })
  const numbers = results.map((result) => little(BigInt(result), 8))
  return frame('REPLY', concat(head, ...numbers, bytes), { id: 7, descriptors })
}

const fault = (code: keyof typeof FAULTS, value: number | bigint, id = 7): Uint8Array =>
  frame('FAULT', struct('fault', { code: FAULTS[code], value }), { id })

/** A connection that begins well and ends in order. */
const good = (
  name: string,
  orders: readonly Uint8Array[],
  answers: readonly Uint8Array[],
  descriptors = 0,
): Vector => ({
  name,
  input: concat(hello(1), ...orders),
  answer: concat(greeted, ...answers),
  code: 0,
  descriptors,
})

/** A connection whose last frame is refused. */
const refused = (
  name: string,
  order: Uint8Array,
  code: keyof typeof FAULTS,
  value: number | bigint,
  id = 7,
): Vector => ({
  name,
  input: concat(hello(1), order),
  answer: concat(greeted, fault(code, value, id)),
  code: 1,
  descriptors: 0,
})

const firstFrame = (
  name: string,
  input: Uint8Array,
  code: keyof typeof FAULTS,
  value: number | bigint,
  id: number,
): Vector => ({
  name,
  input,
  answer: fault(code, value, id),
  code: 1,
  descriptors: 0,
})

const text = (value: number): Uint8Array => new TextEncoder().encode(String(value).padEnd(LIMITS.TEXT, '\0'))
const relocation = (width: keyof typeof WIDTHS, kind: keyof typeof VALUES, value: number, at = 0, step = 1) => ({
  step,
  at,
  kind: VALUES[kind],
  width: WIDTHS[width],
  value,
})
/** struct clone_args with nothing but an exit signal, SIGCHLD */
const cloneArguments = concat(new Uint8Array(32), little(17n, 8), new Uint8Array(48))

const orders: readonly Vector[] = [
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
  good('detach', [frame('DETACH', new Uint8Array(0), { id: 7 })], [reply([])]),
]

const long = { steps: Array.from({ length: 500 }, (_, i) => [ECHO, i]), data: new Uint8Array(5), reply: 3 }
const large: readonly Vector[] = [
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

const step = program({ steps: [[ECHO, 1]] })
const refusals: readonly Vector[] = [
  firstFrame('first-frame-run', run({}), 'HELLO_EXPECTED', FRAMES.RUN, 7),
  firstFrame(
    'hello-of-another-generation',
    hello(3, { generation: GENERATION + 1 }),
    'GENERATION_DIFFERS',
    GENERATION,
    3,
  ),
  firstFrame('hello-of-other-tables', hello(3, { hash: protocolHash() ^ 1n }), 'HASH_DIFFERS', protocolHash(), 3),
  firstFrame('hello-short', frame('HELLO', new Uint8Array(15), { id: 3 }), 'PAYLOAD_SHORT', 15, 3),
  firstFrame(
    'one-gibibyte',
    frame('HELLO', new Uint8Array(0), { id: 3, length: 2 ** 30 }),
    'FRAME_TOO_LONG',
    2 ** 30,
    3,
  ),
  refused('frame-unknown', frame(99, new Uint8Array(0), { id: 7 }), 'FRAME_UNKNOWN', 99),
  refused('hello-again', hello(7), 'FRAME_UNKNOWN', FRAMES.HELLO),
  refused('frame-reserved', frame('DETACH', new Uint8Array(0), { id: 7, reserved: 1 }), 'RESERVED_NOT_ZERO', 1),
  refused(
    'frame-too-many-descriptors',
    frame('RUN', program({}), { id: 7, descriptors: 254 }),
    'VALUE_OUT_OF_RANGE',
    254,
  ),
  refused('descriptors-unclaimed', frame(99, program({}), { id: 7, descriptors: 3 }), 'FRAME_UNKNOWN', 99),
  refused('detach-with-payload', frame('DETACH', new Uint8Array(1), { id: 7 }), 'PAYLOAD_SHORT', 1),
  refused(
    'signals-with-descriptor',
    frame('SIGNALS', struct('signals'), { id: 7, descriptors: 1 }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
  refused('program-without-head', frame('RUN', new Uint8Array(23), { id: 7 }), 'PAYLOAD_SHORT', 23),
  refused('program-short', frame('RUN', step.slice(0, -1), { id: 7 }), 'PAYLOAD_SHORT', step.length),
  refused(
    'program-counts-overflow',
    run({ head: { steps: 0xffffffff, relocations: 0xffffffff, sends: 0xffffffff, data: 0xffffffff } }),
    'PAYLOAD_SHORT',
    24n + 0xffffffffn * 105n,
  ),
  refused(
    'program-longer-than-its-parts',
    frame('RUN', concat(step, new Uint8Array(8)), { id: 7 }),
    'VALUE_OUT_OF_RANGE',
    8,
  ),
  refused('program-reserved', run({ head: { reserved: 2 } }), 'RESERVED_NOT_ZERO', 2),
  refused('reply-too-long', run({ reply: LIMITS.FRAME }), 'VALUE_OUT_OF_RANGE', LIMITS.FRAME + 16),
  refused('kind-unknown', run({ steps: [[ECHO, [6, 0]]] }), 'VALUE_UNKNOWN', 6),
  refused('seventh-argument', run({ steps: [[ECHO, 0, 0, 0, 0, 0, 0, [1, 0]]] }), 'RESERVED_NOT_ZERO', 1 << 24),
  refused('data-outside', run({ steps: [[ECHO, ['DATA', 5]]], data: new Uint8Array(4) }), 'VALUE_OUT_OF_RANGE', 5),
  refused('reply-outside', run({ steps: [[ECHO, ['REPLY', 5]]], reply: 4 }), 'VALUE_OUT_OF_RANGE', 5),
  refused('result-of-itself', run({ steps: [[ECHO, ['RESULT', 0]]] }), 'VALUE_OUT_OF_RANGE', 0),
  refused('attached-outside', run({ steps: [[ECHO, ['ATTACHED', 1]]] }, 1), 'VALUE_OUT_OF_RANGE', 1),
  refused('load-outside', run({ steps: [[ECHO, ['LOAD', 1]]], reply: 4 }), 'VALUE_OUT_OF_RANGE', 1),
  refused('load-without-reply', run({ steps: [[ECHO, ['LOAD', 0]]], reply: 3 }), 'VALUE_OUT_OF_RANGE', 0),
  refused(
    'relocations-unordered',
    run({
      steps: [[ECHO], [ECHO]],
      relocations: [relocation('WORD32', 'IMMEDIATE', 0), relocation('WORD32', 'IMMEDIATE', 0, 0, 0)],
      data: new Uint8Array(4),
    }),
    'RELOCATION_UNORDERED',
    1,
  ),
  refused(
    'relocation-of-no-step',
    run({ relocations: [relocation('WORD32', 'IMMEDIATE', 0)], data: new Uint8Array(4) }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
  refused(
    'relocation-outside',
    run({ steps: [[ECHO], [ECHO]], relocations: [relocation('WORD64', 'IMMEDIATE', 0, 1)], data: new Uint8Array(8) }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
  refused(
    'relocation-at-the-end-of-numbers',
    run({
      steps: [[ECHO], [ECHO]],
      relocations: [relocation('WORD64', 'IMMEDIATE', 0, 0xffffffff)],
      data: new Uint8Array(8),
    }),
    'VALUE_OUT_OF_RANGE',
    0xffffffff,
  ),
  refused(
    'relocation-of-another-width',
    run({
      steps: [[ECHO], [ECHO]],
      relocations: [{ ...relocation('WORD64', 'IMMEDIATE', 0), width: 2 }],
      data: new Uint8Array(8),
    }),
    'VALUE_UNKNOWN',
    2,
  ),
  refused(
    'relocation-of-a-later-result',
    run({ steps: [[ECHO], [ECHO]], relocations: [relocation('WORD64', 'RESULT', 1)], data: new Uint8Array(8) }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
  refused('send-of-an-address', run({ sends: [{ kind: VALUES.DATA }] }), 'VALUE_UNKNOWN', VALUES.DATA),
  refused('send-of-no-result', run({ sends: [{ kind: VALUES.RESULT }] }), 'VALUE_OUT_OF_RANGE', 0),
  refused('sends-too-many', run({ sends: Array.from({ length: 254 }, () => ({})) }), 'VALUE_OUT_OF_RANGE', 254),
  refused('cleanup-short', frame('CLEANUP', new Uint8Array(7), { id: 7 }), 'PAYLOAD_SHORT', 7),
  refused('cleanup-reserved', frame('CLEANUP', struct('cleanup', { reserved: 1 }), { id: 7 }), 'RESERVED_NOT_ZERO', 1),
  refused(
    'cleanup-broken-program',
    frame('CLEANUP', concat(struct('cleanup'), program({ steps: [[ECHO, ['DATA', 1]]] })), { id: 7 }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
]

const truncated: readonly Vector[] = [
  good('end-in-header', [run({}).slice(0, 7)], []),
  good('end-in-payload', [run({}).slice(0, 20)], []),
  good('end-in-long-payload', [run(long).slice(0, 33_000)], []),
]

export const VECTORS: readonly Vector[] = [...orders, ...large, ...refusals, ...truncated]

/** The corpus of the fuzz driver: a connection per file, then the answer, as hex. */
export const corpus = (): readonly { readonly path: string; readonly render: () => string }[] =>
  VECTORS.map(({ name, input, answer }) => ({
    path: `agent/test/corpus/${name}.hex`,
    render: () => `${hex(input)}\n${hex(answer)}\n`,
  }))
