import { InvalidInputError } from '../../base/errors.ts'
import { joinContainer } from '../lifecycle/join-container.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'

/** A function that runs in a live container without a file of it, or of the host, being executed for it. */
interface BuiltIn {
  readonly usage: string
  readonly purpose: string
  readonly run: (nsinit: Nsinit, words: readonly string[]) => Promise<void>
}

/** `exec` of 2014 registered them by these names. */
export const FUNCTIONS = {
  exec: {
    usage: 'exec COMMAND [ARGUMENT…]',
    purpose: 'adds a process to the container, as carrel nsinit exec does for one that lives',
    run: execute,
  },
  mknod: {
    usage: 'mknod PATH c|b MAJOR MINOR [MODE] | PATH p [MODE]',
    purpose: 'makes a device node or a FIFO inside the root of the container; using it is for the group to allow',
    run: async (nsinit, words) => (await import('./make-node.ts')).makeNode(nsinit, words),
  },
  ip: {
    usage: 'ip [addr|link|route] [add|del|set …]',
    purpose: 'shows and changes the interfaces, addresses and routes of the container',
    run: async (nsinit, words) => (await import('./ip.ts')).ip(nsinit, words),
  },
} as const satisfies Readonly<Record<string, BuiltIn>>

export type FunctionName = keyof typeof FUNCTIONS

async function execute(nsinit: Nsinit, words: readonly string[]): Promise<void> {
  if (words.length === 0) {
    throw new InvalidInputError('A command is missing: give its words after --func exec', { field: 'command' })
  }
  await joinContainer(nsinit, getContainer(nsinit), words)
}
