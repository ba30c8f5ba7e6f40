import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostCommand } from './host-command.ts'
import { buildInitramfs } from './initramfs.ts'
import type { KernelFiles } from './kernel.ts'
import { renderSettings, type MachineSettings } from './machine-settings.ts'

/** Program files of the host that a test machine needs. */
export const QEMU = '/usr/bin/qemu-system-x86_64'
export const VIRTIOFSD = '/usr/lib/qemu/virtiofsd'
export const BUSYBOX = '/bin/busybox'

const MEMORY = '2G'

/** The disk that holds what the machine writes, sparse; and the empty one whose input and output tests limit. */
const SCRATCH_DISK = '6G'
const TEST_DISK_BYTES = 64 * 2 ** 20

const SOCKET_MS = 10_000

export interface MachineOptions {
  readonly kernel: KernelFiles
  readonly settings: MachineSettings
  /** Further words of the kernel's command line */
  readonly kernelWords?: readonly string[]
  /** Gives the console to the terminal of this process, instead of a file */
  readonly interactive?: boolean
}

/** A kernel of its own under qemu, in software, with the host's files. It ends with this process at the latest. */
export class Machine implements AsyncDisposable {
  /** Folder of the host that the machine sees as `/carrel-vm` */
  readonly out: string
  /** Settles when the machine is off */
  readonly ended: Promise<void>
  readonly #folder: string
  readonly #children: readonly ChildProcess[]

  private constructor(folder: string, children: readonly ChildProcess[], qemu: ChildProcess) {
    this.#folder = folder
    this.out = join(folder, 'out')
    this.#children = children
    this.ended = qemu.exitCode === null ? once(qemu, 'exit').then(() => {}) : Promise.resolve()
  }

  /** Starts it; `fill` puts into its `out` folder what it is to find there. */
  static async start(options: MachineOptions, fill: (out: string) => Promise<void>): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-vm-'))
    const children: ChildProcess[] = []
    endWithProcess(folder)
    try {
      await prepare(folder, options, fill)
      for (const [tag, source] of shares(folder)) children.push(await startShare(folder, tag, source))
      const qemu = startQemu(folder, options)
      children.push(qemu)
      await Promise.race([once(qemu, 'spawn'), once(qemu, 'error').then(([error]) => Promise.reject(error as Error))])
      return new Machine(folder, children, qemu)
    } catch (error) {
      await end(children)
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** The last lines of its console. */
  consoleTail(lines = 30): string {
    const file = join(this.#folder, 'console')
    if (!existsSync(file)) return ''
    // Of the console's control sequences, only the text counts.
    const text = readFileSync(file, 'utf8').replace(/\x1b\[[0-9;?]*[A-Za-z]|\r/g, '') // eslint-disable-line no-control-regex
    return text.trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** Turns it off, if it is not yet, and removes what it was made of. */
  async close(): Promise<void> {
    await end(this.#children)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** The kernel ends the children of a process that a signal ends, but nobody would remove the folder. */
function endWithProcess(folder: string): void {
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
}

const shares = (folder: string): readonly (readonly [tag: string, source: string])[] => [
  ['host', '/'],
  ['out', join(folder, 'out')],
]

async function prepare(
  folder: string,
  { kernel, settings }: MachineOptions,
  fill: (out: string) => Promise<void>,
): Promise<void> {
  const out = join(folder, 'out')
  mkdirSync(join(out, 'bundle'), { recursive: true })
  writeFileSync(join(out, 'settings'), renderSettings(settings))
  await fill(out)
  writeFileSync(join(folder, 'initramfs'), buildInitramfs(kernel, BUSYBOX))
  for (const disk of ['scratch', 'test-disk']) writeFileSync(join(folder, disk), '')
  truncateSync(join(folder, 'test-disk'), TEST_DISK_BYTES)
  hostCommand('mkfs.ext4', ['-q', '-F', join(folder, 'scratch'), SCRATCH_DISK], { timeoutMs: 60_000 })
}

/** A child that the kernel kills when this process goes, however it goes. */
const tied = (file: string, args: readonly string[], stdio: 'ignore' | 'inherit'): ChildProcess =>
  spawn('setpriv', ['--pdeathsig', 'SIGKILL', file, ...args], { stdio: [stdio, stdio, 'inherit'] })

async function startShare(folder: string, tag: string, source: string): Promise<ChildProcess> {
  const socket = join(folder, `${tag}.socket`)
  // Only the machine itself changes what is in a share, as far as it shows; `out` it writes through.
  const words = [`--socket-path=${socket}`, '-o', `source=${source}`, '-o', 'cache=always', '-o', 'sandbox=chroot']
  const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', VIRTIOFSD, ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = `${said}${chunk}`.slice(-4096)))
  for (const begin = Date.now(); !existsSync(socket); await sleep(10)) {
    if (child.exitCode === null && Date.now() - begin < SOCKET_MS) continue
    await end([child])
    throw new Error(`${VIRTIOFSD} does not share ${source}: ${said}`)
  }
  return child
}

function startQemu(folder: string, { kernel, kernelWords = [], interactive = false }: MachineOptions): ChildProcess {
  const shareWords = shares(folder).flatMap(([tag]) => [
    ...['-chardev', `socket,id=${tag},path=${join(folder, `${tag}.socket`)}`],
    ...['-device', `vhost-user-fs-pci,chardev=${tag},tag=${tag}`],
  ])
  const disk = (name: string): readonly string[] => [
    ...['-drive', `file=${join(folder, name)},format=raw,if=none,cache=unsafe,id=${name}`],
    ...['-device', `virtio-blk-pci,drive=${name}`],
  ]
  const words = [
    // Threads of its own per processor; in software everywhere, so that it is the same machine everywhere.
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', MEMORY],
    ...['-object', `memory-backend-memfd,id=memory,size=${MEMORY},share=on`, '-numa', 'node,memdev=memory'],
    ...['-nodefaults', '-vga', 'none', '-display', 'none', '-no-reboot'],
    ...['-serial', interactive ? 'mon:stdio' : `file:${join(folder, 'console')}`],
    ...[...shareWords, ...disk('scratch'), ...disk('test-disk')],
    ...['-kernel', kernel.image, '-initrd', join(folder, 'initramfs')],
    ...['-append', ['console=ttyS0', 'quiet', 'panic=-1', 'hugepages=16', ...kernelWords].join(' ')],
  ]
  return tied(QEMU, words, interactive ? 'inherit' : 'ignore')
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of [...children].reverse()) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
