import type { Process } from '../../bundle/spec.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { type Program, program } from '../../program/builder.ts'
import type { GlobalOptions } from '../context.ts'
import { Log } from '../log.ts'
import { StateStore } from '../state/state-store.ts'
import { planCreation, readBundle } from './create-container.ts'
import { finalProgram } from './final-program.ts'
import { keepDescriptors } from './kept-descriptors.ts'
import { makerProgram } from './maker-program.ts'
import { planEntry, planReady, planSetup } from './plan-first.ts'
import type { ReadyProcess } from './ready-first.ts'

/** A program of a start, and which process runs it. */
export interface ExplainedProgram {
  readonly title: string
  readonly program: Program
}

/** What `create` would do with a bundle, as programs; nothing is made. @throws InvalidInputError, UnsupportedError */
export async function explainBundle(kernel: Kernel, path: string): Promise<readonly ExplainedProgram[]> {
  const options: GlobalOptions = { root: '/run/carrel-oci', debug: false, cgroupManager: 'cgroupfs', criu: 'criu' }
  const log = new Log(kernel, { format: 'text', debug: false })
  const context = { kernel, options, log, store: new StateStore(kernel, options.root) }
  const bundle = readBundle(context, path)
  const keep = (process: Process) =>
    keepDescriptors(kernel, { process, seccomp: undefined, handed: { count: 0, listening: 0 }, gate: undefined })
  const planned = planCreation(context, { id: 'ID' }, { bundle, keep })
  const { config } = bundle
  const maker = makerProgram({ ...planned, config, kept: planned.kept.all.length })
  const first = planSetup(planned, planned.group.places, 0)
  await planEntry(first.input, first.program, first.root)
  const readying = program()
  planReady(planned, readying)
  const process = config.process as Process
  const ready: ReadyProcess = {
    executable: process.args?.[0] ?? '',
    env: process.env ?? [],
    stdio: process.terminal ? [TERMINAL, TERMINAL, TERMINAL] : planned.kept.stdio,
  }
  const final = await finalProgram(kernel, { process, linux: config.linux, ready, preserved: [] })
  return [
    { title: 'the maker, in the namespaces of the caller', program: maker.program },
    { title: 'the first process of the container', program: first.program },
    { title: 'the same process, with its root in place', program: readying },
    { title: 'the same process, when it is started', program: final },
  ]
}

/** Stands for the descriptor of the terminal, whose number is known when it was opened */
const TERMINAL = 9
