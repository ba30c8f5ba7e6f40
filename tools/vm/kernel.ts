import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { hostCommand } from './host-command.ts'

/** A kernel as files. */
export interface KernelFiles {
  /** Debian's package with its version, `linux-image-6.1.0-1-cloud-amd64_6.1.4-1` */
  readonly name: string
  readonly image: string
  /** Folder `lib/modules/RELEASE` */
  readonly modules: string
}

// Small (no drivers of real hardware), with everything that containers use.
const META_PACKAGE = 'linux-image-cloud-amd64'

const DOWNLOAD_MS = 300_000

/** Debian's kernel for virtual machines, newest of the lists that apt has; downloaded and unpacked once, never installed. */
export function findKernel(): KernelFiles {
  const name = kernelPackage(hostCommand('apt-cache', ['depends', META_PACKAGE], { timeoutMs: 60_000 }))
  const version = candidateVersion(hostCommand('apt-cache', ['policy', name], { timeoutMs: 60_000 }))
  const folder = cached(`${name}_${version.replaceAll(':', '%3a')}`, (fresh) => {
    hostCommand('apt-get', ['download', '-q', `${name}=${version}`], { cwd: fresh, timeoutMs: DOWNLOAD_MS })
    const [file = ''] = readdirSync(fresh).filter((each) => each.endsWith('.deb'))
    hostCommand('dpkg-deb', ['-x', file, '.'], { cwd: fresh, timeoutMs: 120_000 })
    hostCommand('rm', [file], { cwd: fresh, timeoutMs: 60_000 })
  })
  const [release] = readdirSync(join(folder, 'lib/modules'))
  if (release === undefined) throw new Error(`${folder} holds no kernel: remove that folder and try again`)
  return {
    name: `${name}_${version}`,
    image: join(folder, `boot/vmlinuz-${release}`),
    modules: join(folder, 'lib/modules', release),
  }
}

function kernelPackage(depends: string): string {
  const found = /Depends: (linux-image-\S+-cloud-amd64)$/m.exec(depends)?.[1]
  if (found === undefined) throw new Error(`apt does not know what ${META_PACKAGE} depends on: run apt-get update`)
  return found
}

function candidateVersion(policy: string): string {
  const found = /Candidate: (\S+)/.exec(policy)?.[1]
  if (found === undefined || found === '(none)') throw new Error('apt has no kernel to download: run apt-get update')
  return found
}
