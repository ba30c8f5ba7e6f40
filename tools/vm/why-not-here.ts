import { existsSync } from 'node:fs'
import { DEBOOTSTRAP } from './debian-root.ts'
import { BUSYBOX, QEMU, VIRTIOFSD } from './machine.ts'

/** Programs of the host, with the Debian 12 packages that bring them. */
const PROGRAMS: readonly (readonly [file: string, debianPackage: string])[] = [
  [QEMU, 'qemu-system-x86'],
  [VIRTIOFSD, 'qemu-system-common'],
  [BUSYBOX, 'busybox-static'],
  [DEBOOTSTRAP, 'debootstrap'],
  ['/usr/bin/apt-get', 'apt'],
  ['/usr/sbin/mkfs.ext4', 'e2fsprogs'],
]

/** Why this host cannot run test machines, and what to do about it; undefined if it can. */
export function whyNotHere(): string | undefined {
  if (process.arch !== 'x64') return 'needs an x86-64 host, because the machines run its programs'
  if (process.getuid?.() !== 0) return 'needs root, because the machines share all files of the host'
  const missing = PROGRAMS.filter(([file]) => !existsSync(file))
  if (missing.length === 0) return undefined
  const packages = missing.map(([, debianPackage]) => debianPackage).join(' ')
  return `needs ${missing.map(([file]) => file).join(', ')} (Debian 12: apt-get install -y ${packages})`
}
