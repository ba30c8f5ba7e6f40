import { InvalidInputError } from '../../base/errors.ts'

/** Options of `update` as they were written. */
export type UpdateWords = Readonly<Partial<Record<keyof typeof OPTIONS, string | undefined>>>

/** Where each option is in `linux.resources`, and how it is read. */
const OPTIONS = {
  memory: ['memory', 'limit', size],
  memoryReservation: ['memory', 'reservation', size],
  memorySwap: ['memory', 'swap', size],
  kernelMemory: ['memory', 'kernel', size],
  kernelMemoryTcp: ['memory', 'kernelTCP', size],
  cpuShare: ['cpu', 'shares', whole],
  cpuQuota: ['cpu', 'quota', whole],
  cpuPeriod: ['cpu', 'period', whole],
  cpuBurst: ['cpu', 'burst', whole],
  cpuIdle: ['cpu', 'idle', whole],
  cpuRtRuntime: ['cpu', 'realtimeRuntime', whole],
  cpuRtPeriod: ['cpu', 'realtimePeriod', whole],
  cpusetCpus: ['cpu', 'cpus', (text: string) => text],
  cpusetMems: ['cpu', 'mems', (text: string) => text],
  pidsLimit: ['pids', 'limit', whole],
  blkioWeight: ['blockIO', 'weight', whole],
} as const

/**
 * `linux.resources` of an update: those of a file, and over them what options say.
 * @throws InvalidInputError naming the option
 */
export function updateResources(words: UpdateWords, file: unknown = {}): unknown {
  const result = typeof file === 'object' && file !== null ? { ...(file as Record<string, unknown>) } : file
  for (const [option, [group, key, read]] of Object.entries(OPTIONS)) {
    const word = words[option as keyof typeof OPTIONS]
    if (word === undefined || typeof result !== 'object') continue
    const fields = (result as Record<string, object | undefined>)[group]
    Object.assign(result as object, { [group]: { ...fields, [key]: read(word, flagOf(option)) } })
  }
  return result
}

const flagOf = (option: string): string => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const UNITS = 'bkmgtp'

/** `64m`, `1.5G`, `64MiB`, `-1`: bytes. */
function size(text: string, flag: string): number {
  const [, number, unit = 'b'] = /^(-?\d+(?:\.\d+)?) ?(?:([bkmgtp])(?:i?b)?)?$/i.exec(text) ?? []
  const bytes = Number(number) * 1024 ** UNITS.indexOf(unit.toLowerCase())
  if (number !== undefined && Number.isSafeInteger(Math.floor(bytes))) return Math.floor(bytes)
  throw new InvalidInputError(`${flag} must be a size such as 64m, or -1 for no limit, not ${JSON.stringify(text)}`, {
    field: flag,
  })
}

function whole(text: string, flag: string): number {
  const number = Number(text)
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(number)) return number
  throw new InvalidInputError(`${flag} must be a whole number, not ${JSON.stringify(text)}`, { field: flag })
}
