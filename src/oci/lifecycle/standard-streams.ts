import { readText, readLink, writeText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** File among the images: what the standard descriptors of the first process were, as `/proc/PID/fd` names them */
const FILE = 'descriptors.json'

/** Notes what the standard descriptors of a process are, so that a restored one can get others in their place. */
export function saveStreams(kernel: Kernel, images: string, pid: number): void {
  const names = [0, 1, 2].map((fd) => readLink(kernel, `/proc/${pid}/fd/${fd}`) ?? '')
  writeText(kernel, `${images}/${FILE}`, JSON.stringify(names), 0o600)
}

/** Words of criu that give descriptors of its own to what pipes and sockets were: descriptor `first` + n for stream n. */
export function inheritedStreams(kernel: Kernel, images: string, first: number): readonly string[] {
  const text = readText(kernel, `${images}/${FILE}`)
  const names = text === undefined ? [] : (JSON.parse(text) as readonly unknown[])
  return names.flatMap((name, index) =>
    typeof name === 'string' && /^(?:pipe|socket):\[\d+\]$/.test(name)
      ? ['--inherit-fd', `fd[${first + index}]:${name}`]
      : [],
  )
}
