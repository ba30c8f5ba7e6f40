import { SyncAgent } from '../../kernel/agent.ts'
import { close } from '../../kernel/descriptors.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { memoryFile, readFrom } from '../../kernel/memory-file.ts'
import { stat } from '../../kernel/stat.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { program } from '../../program/builder.ts'
import { DEFAULT_PATH, execSteps } from '../../program/exec-steps.ts'
import { descriptorsStep } from '../../program/special.ts'

/** What a program of this host came to. */
export interface Captured {
  /** As wait4(2) gives it; undefined when it did not end in time */
  readonly status: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** A program that prints what it knows takes no longer. */
const PROGRAM_MS = 30_000

/**
 * Runs a program of this host, found in PATH, and gives what it printed; its standard input is empty.
 * @throws SyscallError when it cannot be executed
 */
export function captureProgram(kernel: Kernel, argv: readonly [string, ...string[]]): Captured {
  const p = program()
  const [input, output, errors] = [0, 1, 2].map((each) => p.attached(each)) as [Ref<Fd>, Ref<Fd>, Ref<Fd>]
  descriptorsStep(p, [
    [input, 0],
    [output, 1],
    [errors, 2],
  ])
  p.rt_sigprocmask('SIG_SETMASK', [])
  execSteps(p, { path: argv[0], argv, env: environment(kernel) })
  // Files in memory: however much it prints, nobody has to read meanwhile.
  const files = ['input', 'output', 'errors'].map((name) => memoryFile(kernel, name, ''))
  const agent = SyncAgent.start(kernel)
  try {
    const child = agent.fork()
    child.become(p, { descriptors: files })
    const status = agent.waitFor(child.pid ?? 0, PROGRAM_MS)
    const [stdout = '', stderr = ''] = files.slice(1).map((fd) => contentOf(kernel, fd))
    return { status, stdout, stderr }
  } finally {
    agent.end()
    for (const fd of files) close(kernel, fd)
  }
}

const contentOf = (kernel: Kernel, fd: number): string =>
  textOf(readFrom(kernel, fd, stat(kernel, [fd, ''])?.size ?? 0))

function environment({ env }: Kernel): Record<string, string> {
  const pairs = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  return { PATH: DEFAULT_PATH, ...Object.fromEntries(pairs) }
}
