import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import { flagNames } from './flags.ts'
import { textIn } from './memory-fields.ts'
import { signalSet } from './set-params.ts'
import { didYouMean } from './nearest.ts'
import { EPOLL_EVENT } from './structs/events.ts'
import { SIGACTION } from './structs/process.ts'
import { INOTIFY_EVENTS, type InotifyEvents } from './tables/events.ts'

/** Room for events of epoll_pwait(2), and how many: two words. */
export const outEpollEvents: Param = {
  name: 'maxevents',
  type: 'number',
  encode(value, to, call): EncodedOut {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65536) {
      throw new InvalidInputError(`${call}.maxevents must be a number from 1 to 65536`, { field: `${call}.maxevents` })
    }
    const { arch } = to
    const step = EPOLL_EVENT.size(arch)
    const at = to.reserve(step * value)
    to.push({ kind: 'reply', value: at })
    to.pushNumber(value)
    return {
      at,
      decode: ({ result, reply }) =>
        Array.from({ length: Math.min(value, Number(result)) }, (_, i) =>
          EPOLL_EVENT.decode(reply, at + i * step, arch),
        ),
    }
  },
  print: (value) => `…, ${String(value)}`,
}

/** A signal mask and its size: two words. */
export const signalMaskSized: Param = {
  ...signalSet('mask'),
  encode(value, to, call) {
    signalSet('mask').encode(value, to, call)
    to.pushNumber(8)
  },
  print: (value) => `${signalSet('mask').print(value)}, 8`,
}

const HANDLERS = { SIG_DFL: 0, SIG_IGN: 1 } as const

/** What a signal does: `SIG_DFL` or `SIG_IGN`; functions of JavaScript cannot be handlers. */
export const signalAction: Param = {
  name: 'act',
  type: "'SIG_DFL' | 'SIG_IGN'",
  encode(value, to, call) {
    if (value !== 'SIG_DFL' && value !== 'SIG_IGN') {
      const guess = typeof value === 'string' ? didYouMean(value, Object.keys(HANDLERS)) : ''
      throw new InvalidInputError(`${call}.act must be SIG_DFL or SIG_IGN${guess}`, { field: `${call}.act` })
    }
    to.pushData(to.place(SIGACTION.pack({ handler: HANDLERS[value] })))
  },
  print: (value) => `{sa_handler=${String(value)}, sa_mask=[], sa_flags=0}`,
}

/** One event of inotify(7). */
export interface InotifyEvent {
  readonly wd: number
  readonly mask: readonly (InotifyEvents | number)[]
  /** Connects IN_MOVED_FROM and IN_MOVED_TO */
  readonly cookie: number
  /** Name within the watched directory, or empty */
  readonly name: string
}

const HEADER = 16

/** The events in what was read from an inotify descriptor. */
export function decodeInotify(bytes: Uint8Array): InotifyEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const events: InotifyEvent[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at + 12, true)
    if (at + HEADER + length > bytes.length) break
    events.push({
      wd: view.getInt32(at, true),
      mask: flagNames(INOTIFY_EVENTS, view.getUint32(at + 4, true)) as InotifyEvents[],
      cookie: view.getUint32(at + 8, true),
      name: textIn(bytes.subarray(at + HEADER, at + HEADER + length)),
    })
    at += HEADER + length
  }
  return events
}
