import { after, before } from 'node:test'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { checkRoom, type Contents, look } from './leftovers.ts'
import { Room } from './room.ts'

/** A room with an engine, for all tests of a file. */
export interface EngineInRoom<Kind> {
  /** Options of each test that needs it */
  readonly options: { readonly skip: string | false }
  readonly room: Room
  readonly engine: Kind
}

/** What runs containers. */
export interface Engine {
  /** Removes all of them, whatever they do */
  clear(): Promise<void>
}

/**
 * Once in a file: opens a room and prepares an engine in it before the first test, and fails each test that leaves anything behind in it or
 * on the machine. `program` is one that the engine brings.
 */
export function useEngine<Kind extends Engine>(
  name: string,
  program: string,
  prepare: (room: Room) => Promise<Kind>,
): EngineInRoom<Kind> {
  const options = requires({ root: true, program })
  let room: Room | undefined
  let engine: Kind | undefined
  let baseline: Contents | undefined
  before(async () => {
    if (options.skip) return
    room = await Room.open(name)
    engine = await prepare(room)
    baseline = await look(room)
  })
  after(() => room?.close())
  checkMachine()
  checkRoom(() => (room && engine && baseline ? { room, baseline, clear: () => known(engine).clear() } : undefined))
  return {
    options,
    get room() {
      return known(room)
    },
    get engine() {
      return known(engine)
    },
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The room is open in tests only')
  return value
}
