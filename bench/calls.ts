import type { Context, Group } from './context.ts'
import { interleave } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Section } from './row.ts'

const CALL = 'agent.sys.getppid()'
const ONE = 'program of 1 step'
const FORTY = 'program of 40 steps'

/** One call and many in one message. */
export const callsGroup: Group = { name: 'calls', title: 'System calls in a live agent', measure }

async function measure({ quick }: Context): Promise<Section> {
  await using node = await MeasuredProcess.start()
  const subjects = [node.subject(CALL, 300, 'call'), node.subject(ONE, 300, 'one'), node.subject(FORTY, 300, 'forty')]
  const measured = await interleave(subjects, quick ? 5 : 25, 2)
  return {
    rows: [
      measuredRow(measured, CALL, 'us'),
      measuredRow(measured, ONE, 'us'),
      measuredRow(measured, FORTY, 'us', { against: ONE, atMost: 1.5 }),
      measuredRow(measured, FORTY, 'us', { against: CALL, atMost: 1.5 }),
    ],
    notes: [
      ...measured.failures,
      'a call builds its program each time, the other two were built once; each takes one round trip',
    ],
  }
}
