import type { Agent, PipedProcess, Process } from '../../src/process/index.ts'
import { Sandbox } from '../../src/sandbox/index.ts'

// Compiled, never run: what an exec gives back takes no orders, and its streams are there unless the caller put them elsewhere.

export async function spentAgent(agent: Agent): Promise<void> {
  const program: PipedProcess = await agent.exec('/bin/true')
  // @ts-expect-error a program takes no system calls
  void program.sys
  // @ts-expect-error a program runs no programs
  void program.run
  // @ts-expect-error a program has no children
  void program.fork
  program.stdin.end()
  program.stdout.resume()
}

export async function otherStreams(agent: Agent): Promise<void> {
  const program: Process = await agent.exec('/bin/true', ['true'], { stdio: 'null' })
  // @ts-expect-error it may have no stdout
  program.stdout.resume()
}

export async function commands(): Promise<void> {
  await using box = await Sandbox.create()
  const piped = await box.spawn('cat')
  piped.stdin.end()
  const silent = await box.spawn('cat', [], { stdio: ['null', 'pipe', 'null'] })
  // @ts-expect-error it may have no stdin
  silent.stdin.end()
  // @ts-expect-error there is no such option
  await Sandbox.create({ memroy: '1G' })
}
