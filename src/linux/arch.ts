/** Machine architectures with tables here, by Node's names. */
export type Arch = 'x64' | 'arm64'

/** A number that differs between architectures, or is the same on all. */
export type PerArch = number | { readonly x64: number; readonly arm64: number }

export const valueOn = (arch: Arch, value: PerArch): number => (typeof value === 'number' ? value : value[arch])

/** The architecture that this code runs on; the one place where a pure folder looks at the machine. */
export function machineArch(): Arch {
  const { process } = globalThis as { process?: { arch?: string } }
  return process?.arch === 'arm64' ? 'arm64' : 'x64'
}
