import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

/** A system call as strace saw it. */
export interface Traced {
  readonly name: string
  readonly args: string
  readonly result: string
}

/** Traces a process and all that it makes from now on; `stop` gives the calls of each process, in the order in which they ended. */
export async function trace(
  pid: number,
  file: string,
): Promise<{ stop(): Promise<ReadonlyMap<number, readonly Traced[]>> }> {
  const strace = spawn(
    'strace',
    ['-f', '-s', '4096', '-v', '-a', '1', '-e', 'signal=none', '-o', file, '-p', String(pid)],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  // It says that it has attached.
  await once(strace.stderr, 'data')
  return {
    async stop() {
      strace.kill('SIGINT')
      await once(strace, 'exit')
      return parse(readFileSync(file, 'utf8'))
    },
  }
}

/** Reads what `strace -f -o FILE` wrote: the calls of each process. */
export function parse(text: string): ReadonlyMap<number, readonly Traced[]> {
  const calls = new Map<number, Traced[]>()
  const unfinished = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [, id, rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (id === undefined) continue
    const pid = Number(id)
    const [, begun] = /^(.*) <unfinished \.\.\.>$/.exec(rest) ?? []
    const [, ended] = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest) ?? []
    if (begun !== undefined) unfinished.set(pid, begun)
    const whole = ended === undefined ? rest : `${unfinished.get(pid) ?? ''}${ended}`
    const call = begun === undefined ? callOf(whole) : undefined
    if (call) calls.set(pid, [...(calls.get(pid) ?? []), call])
  }
  return calls
}

function callOf(line: string): Traced | undefined {
  const [, name = '', args = '', result = ''] = /^(\w+)\((.*)\)\s+= (.*)$/.exec(line) ?? []
  return name === '' ? undefined : { name, args, result }
}
