import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initialAffinitySteps } from '../../src/bundle/process/affinity.ts'
import { finalSteps } from '../../src/bundle/process/final-steps.ts'
import { assertProcfs, procfsSteps } from '../../src/bundle/process/procfs.ts'
import { type ReadyInput, type ReadyResult, readySteps } from '../../src/bundle/process/ready-steps.ts'
import { resourceSteps, scoreSteps } from '../../src/bundle/process/resources.ts'
import { ociSeccomp } from '../../src/bundle/seccomp/oci-seccomp.ts'
import type { Listener } from '../../src/bundle/seccomp/seccomp-steps.ts'
import type { Linux, Process } from '../../src/bundle/spec.ts'
import { type Terminal, terminalSteps } from '../../src/bundle/terminal/terminal.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { idMapSteps } from '../../src/features/users/id-map.ts'
import type { CloneFlag } from '../../src/linux/tables/clone.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { cloneStep, type DescriptorMove } from '../../src/program/special.ts'
import { makeRoot } from '../support/oci-bundle.ts'

/** How a process is started. */
export interface StartOptions {
  readonly linux?: Linux
  /** Changes the root before */
  readonly prepare?: (root: string) => void
  /** Ids 0 to 65535 of a new user namespace begin here on the host */
  readonly firstId?: number
  readonly ready?: Partial<ReadyInput>
  /** Descriptors of this process that it gets from 3 on */
  readonly preserved?: readonly number[]
  readonly exec?: boolean
  /** Connected to a seccomp agent */
  readonly listener?: { readonly socket: number; readonly message: (pid: number) => string }
  readonly openFiles?: { readonly soft: number; readonly hard: number }
  /** Further steps before those that are tested, in the root */
  readonly before?: (p: Program) => void
  /** Looks at it between the two halves */
  readonly between?: (pid: number, ready: ReadyResult) => void
  /** Called when it has been told to go on, with copies of the descriptors */
  readonly started?: () => void
}

/** What became of it. */
export interface Started {
  /** Both of its streams, or what its terminal showed */
  readonly output: string
  /** As wait4(2) gives it */
  readonly status: number | undefined
  readonly ready: ReadyResult
  readonly pid: number
}

const MOUNTS = ['CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWIPC', 'CLONE_NEWNET'] as const satisfies readonly CloneFlag[]
const PROC = 4

/** Runs a process in a root of busybox in new namespaces, with nothing but the steps that are tested between its birth and its program. */
export async function start(process: Process, options: StartOptions = {}): Promise<Started> {
  const kernel = await currentKernel()
  const path = mkdtempSync(join(tmpdir(), 'carrel-process-'))
  // A root of a user namespace must get there.
  chmodSync(path, 0o711)
  const root = join(path, 'rootfs')
  const maker = SyncAgent.start(kernel)
  let first: SyncAgent | undefined
  const out = openSync(join(path, 'out'), 'w')
  try {
    makeRoot(root)
    options.prepare?.(root)
    const agent = makeFirst(maker, process, options)
    first = agent
    return run({ maker, agent, process, options, root, out, file: join(path, 'out') })
  } finally {
    first?.close()
    maker.end()
    closeSync(out)
    rmSync(path, { recursive: true, force: true })
  }
}

function makeFirst(maker: SyncAgent, process: Process, { firstId, exec }: StartOptions): SyncAgent {
  const opened = program()
  const handle = procfsSteps(opened)
  if (exec) initialAffinitySteps(opened, process)
  const result = maker.run(opened)
  assertProcfs(result, handle)
  const flags: CloneFlag[] = firstId === undefined ? [...MOUNTS] : [...MOUNTS, 'CLONE_NEWUSER']
  const proc = result.get(handle.fd)
  return SyncAgent.child(maker, (p, control) => {
    const { pid, pidfd } = cloneStep(p, { flags, control, keep: [proc as never] })
    p.close(pidfd)
    if (firstId !== undefined) {
      const rows = [{ inside: 0, outside: firstId, count: 65536 }]
      idMapSteps(p, pid, { writer: 'parent', uids: rows, gids: rows })
      resourceSteps(p, { process, pid })
    }
    scoreSteps(p, process, proc, pid)
    return pid
  }).agent
}

interface Run {
  readonly maker: SyncAgent
  readonly agent: SyncAgent
  readonly process: Process
  readonly options: StartOptions
  readonly root: string
  readonly out: number
  readonly file: string
}

function run({ maker, agent, process, options, root, out, file }: Run): Started {
  const p = program()
  rootSteps(p, root, options)
  options.before?.(p)
  const terminal = process.terminal
    ? terminalSteps(p, 'AT_FDCWD', {
        uid: process.user?.uid ?? 0,
        ...(process.consoleSize ? { size: process.consoleSize } : {}),
      })
    : undefined
  if (terminal) p.send(terminal.master)
  const ready = readySteps(p, {
    id: 'carrel-test',
    process,
    proc: PROC,
    ...(options.linux ? { linux: options.linux } : {}),
    ...(options.exec ? { exec: true } : {}),
    resources: options.firstId === undefined ? 'here' : 'done',
    ...options.ready,
  })
  const answer = agent.run(p)
  try {
    terminal?.check(answer)
  } catch (error) {
    answer.descriptors.forEach((fd) => closeSync(fd))
    throw error
  }
  const known = ready.finish(answer, (more) => agent.run(more))
  const pid = agent.pid as number
  options.between?.(pid, known)
  const slave = terminal && answer.get(terminal.slave)
  const last = program()
  const descriptors = finalDescriptors(last, options, slave)
  finalSteps(last, {
    process,
    executable: known.executable,
    env: known.env,
    descriptors: descriptors.moves,
    ...(options.exec ? { exec: true } : {}),
    ...(options.openFiles ? { openFiles: options.openFiles } : {}),
    ...(options.linux?.seccomp ? { filter: ociSeccomp(options.linux.seccomp, last.arch) } : {}),
    ...(options.listener ? { listener: listenerOf(last, descriptors.next, options.listener, pid) } : {}),
  })
  const posted = agent.post(last, {
    descriptors: [out, ...(options.preserved ?? []), ...(options.listener ? [options.listener.socket] : [])],
  })
  options.started?.()
  agent.awaitExec(posted)
  const status = maker.waitFor(pid, 20_000)
  const output = terminal ? readMaster(answer.descriptors[0] as number) : readFileSync(file, 'utf8').trimEnd()
  return { output, status, ready: known, pid }
}

function rootSteps(p: Program, root: string, { firstId }: StartOptions): void {
  p.mount(null, '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  if (firstId !== undefined) {
    p.setresgid(0, 0, 0)
    p.setresuid(0, 0, 0)
  }
  p.chroot(root)
  p.chdir('/')
  p.mount('proc', '/proc', 'proc', [], null)
  p.mount('tmpfs', '/dev', 'tmpfs', [], 'mode=755')
  p.mkdirat('AT_FDCWD', '/dev/pts', 0o755)
  p.mount('devpts', '/dev/pts', 'devpts', [], 'newinstance,ptmxmode=0666,mode=0620')
}

function finalDescriptors(p: Program, { preserved = [] }: StartOptions, slave: Terminal['slave'] | number | undefined) {
  const out = p.attached(0)
  const streams: DescriptorMove[] = [0, 1, 2].map((target) => [(slave as number | undefined) ?? out, target])
  const further = preserved.map((_, i): DescriptorMove => [p.attached(1 + i), 3 + i])
  return { moves: [...streams, ...further], next: 1 + preserved.length }
}

function listenerOf(p: Program, index: number, listener: NonNullable<StartOptions['listener']>, pid: number): Listener {
  return { socket: p.attached(index), message: listener.message(pid) }
}

/** What a terminal shows until its other end is gone, which reads as EIO. */
function readMaster(fd: number): string {
  const chunk = Buffer.alloc(65536)
  let text = ''
  try {
    for (let size = readSync(fd, chunk); size > 0; size = readSync(fd, chunk)) text += chunk.toString('utf8', 0, size)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
  } finally {
    closeSync(fd)
  }
  return text
}
