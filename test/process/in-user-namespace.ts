import type { CloneFlag } from '../../src/linux/tables/clone.ts'
import type { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'

/** A child that has every capability, in a user namespace of its own when this process is an ordinary user. */
export async function inUserNamespace(agent: Agent, flags: readonly CloneFlag[] = []): Promise<Agent> {
  return process.getuid?.() === 0 ? agent.clone(flags) : agent.clone(['CLONE_NEWUSER', ...flags])
}

/** A program that writes a text to a file that exists. */
export function writeText(path: string, text: string): ReturnType<typeof program> {
  const p = program()
  const file = p.openat('AT_FDCWD', path, ['O_WRONLY', 'O_CLOEXEC'])
  p.write(file, text)
  p.close(file)
  return p
}
