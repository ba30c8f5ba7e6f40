import { FRAMES, GENERATION, LIMITS, VALUES } from '../../src/protocol/wire.ts'
import { protocolHash } from '../../src/protocol/hash.ts'
import { concat, frame, hello, program, struct } from './encode.ts'
import { ECHO, run, refused, firstFrame, relocation, type Vector } from './vector.ts'

const step = program({ steps: [[ECHO, 1]] })
/** Connections whose last frame breaks a rule. */
export const refusals: readonly Vector[] = [
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
  refused('program-returns', run({ head: { returns: 2 } }), 'VALUE_UNKNOWN', 2),
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
  refused('filter-short', frame('FILTER', new Uint8Array(127), { id: 7 }), 'PAYLOAD_SHORT', 127),
  refused('orphan-long', frame('ORPHAN', new Uint8Array(9), { id: 7 }), 'PAYLOAD_SHORT', 9),
  refused('follow-short', frame('FOLLOW', new Uint8Array(7), { id: 7 }), 'PAYLOAD_SHORT', 7),
  refused('cleanup-reserved', frame('CLEANUP', struct('cleanup', { reserved: 1 }), { id: 7 }), 'RESERVED_NOT_ZERO', 1),
  refused(
    'cleanup-broken-program',
    frame('CLEANUP', concat(struct('cleanup'), program({ steps: [[ECHO, ['DATA', 1]]] })), { id: 7 }),
    'VALUE_OUT_OF_RANGE',
    1,
  ),
]
