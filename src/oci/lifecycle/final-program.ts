import { finalSteps, listenEnv } from '../../bundle/process/final-steps.ts'
import { gateSteps } from '../../bundle/start/gate-steps.ts'
import type { OciFilter } from '../../bundle/seccomp/oci-seccomp.ts'
import type { Linux, Process, Seccomp } from '../../bundle/spec.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { inheritedFileLimit } from '../../kernel/process.ts'
import { machineArch } from '../../linux/arch.ts'
import { type Program, program } from '../../program/builder.ts'
import type { DescriptorMove } from '../../program/special.ts'
import type { ReadyProcess } from './ready-first.ts'

/** What the last program of a process is made from; descriptors are numbers in that process. */
export interface FinalProcess {
  readonly process: Process
  readonly linux: Linux | undefined
  readonly ready: ReadyProcess
  readonly preserved: readonly number[]
  /** How many of these are sockets for the program to listen on */
  readonly listening?: number
  /** Listens for `start`: waited for first */
  readonly gate?: number
  /** Where the descriptor of seccomp notifications goes, with this message */
  readonly listener?: { readonly socket: number; readonly message: string }
  readonly exec?: boolean
  readonly endsWithCaller?: boolean
}

/** The program that ends in the execution of the user's. */
export async function finalProgram(kernel: Kernel, final: FinalProcess): Promise<Program> {
  const { process, linux, ready, preserved, listening = 0, gate, listener, exec, endsWithCaller } = final
  const filter = linux?.seccomp ? await compiledFilter(linux.seccomp) : undefined
  const p = program()
  if (gate !== undefined) gateSteps(p, gate)
  const limit = inheritedFileLimit(kernel)
  finalSteps(p, {
    process,
    executable: ready.executable,
    env: listening > 0 ? [...ready.env, ...listenEnvironment(ready.env, listening)] : ready.env,
    descriptors: [...ready.stdio, ...preserved].map((source, target): DescriptorMove => [source, target]),
    openFiles: { soft: limit.soft ?? UNLIMITED, hard: limit.hard ?? UNLIMITED },
    ...(exec === undefined ? {} : { exec }),
    ...(endsWithCaller === undefined ? {} : { endsWithCaller }),
    ...(filter ? { filter } : {}),
    ...(listener ? { listener } : {}),
  })
  return p
}

/** RLIM_INFINITY */
const UNLIMITED = 0xffff_ffff_ffff_ffffn

/** sd_listen_fds(3), when the caller was itself handed sockets; never against the configuration. */
const listenEnvironment = (env: readonly string[], count: number): readonly string[] =>
  env.some((each) => each.startsWith('LISTEN_FDS=')) ? [] : listenEnv(count)

let compiled: { readonly seccomp: Seccomp; readonly filter: OciFilter } | undefined

/** The filter of a configuration, compiled once: a long profile takes milliseconds. */
export async function compiledFilter(seccomp: Seccomp): Promise<OciFilter> {
  if (compiled?.seccomp === seccomp) return compiled.filter
  const { ociSeccomp } = await import('../../bundle/seccomp/oci-seccomp.ts')
  compiled = { seccomp, filter: ociSeccomp(seccomp, machineArch()) }
  return compiled.filter
}
