import type { HostProgram } from '../plan/host-program.ts'
import type { Agent } from '../process/agent.ts'

/** A child of PID 1 that is to become a command; orders may be sent before it is born. */
export interface Fork {
  readonly agent: Agent
  /** Resolves when it exists. @throws SyscallError when PID 1 could not make it (EAGAIN: the limit of processes) */
  readonly born: Promise<unknown>
}

/** Makes the children of a container's PID 1. The first is made while the container is, so that its command need not wait for it. */
export class Forks {
  readonly #init: Agent
  readonly #program: HostProgram
  #spare: Fork | undefined

  constructor(init: Agent, program: HostProgram) {
    this.#init = init
    this.#program = program
  }

  /** Has a child made that the next `take` gets. */
  prepare(): void {
    const spare = this.#fork()
    this.#spare = spare
    // A spare that cannot be made is no failure: whoever needs a child will ask for one again.
    spare.born.catch(() => (this.#spare = undefined))
  }

  take(): Fork {
    const fork = this.#spare ?? this.#fork()
    this.#spare = undefined
    return fork
  }

  /** Waited for in any case: a child that an abandoned order makes would belong to nobody. */
  #fork(): Fork {
    const birth = this.#init.conceive()
    const born = this.#init.run(this.#program.program, { descriptors: [birth.socket] }).then(
      (result) => birth.born(result, this.#program.pid),
      (error: unknown) => {
        birth.fail(error)
        throw error
      },
    )
    born.catch(() => {})
    return { agent: birth.agent, born }
  }
}
