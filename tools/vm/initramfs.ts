import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { ArchiveEntry } from './cpio.ts'
import { packNewc } from './cpio.ts'
import type { KernelFiles } from './kernel.ts'
import { modulesInOrder } from './kernel-modules.ts'

// What the root is made of; what systemd asks for; what the tests use: swap that is real, schedulers and devices with limits, images
// of file systems; what criu(8) reads sockets by and stops their packets with.
const MODULES = [
  ...['virtio_pci', 'virtio_blk', 'virtiofs', 'overlay', 'autofs4'],
  ...['zram', 'lzo_rle', 'bfq', 'loop', 'erofs', 'squashfs'],
  ...['tun', 'veth', 'unix_diag', 'tcp_diag', 'udp_diag', 'netlink_diag', 'af_packet_diag'],
  ...['bridge', 'dummy', 'ifb', 'ipvlan', 'macvlan', 'vxlan', '8021q'],
  ...['nf_tables', 'nft_compat', 'xt_mark', 'nf_conntrack_netlink'],
]

const FOLDERS = ['bin', 'dev', 'proc', 'sys', 'modules', 'host', 'scratch', 'out', 'new']
const FOLDER_MODE = 0o040755
const PROGRAM_MODE = 0o100755

/** The first root of the machine: busybox, the modules in the order in which they are loaded, and init.sh. */
export function buildInitramfs(kernel: KernelFiles, busybox: string): Uint8Array {
  const modules = modulesInOrder(kernel.modules, MODULES)
  const program = (path: string, content: Uint8Array): ArchiveEntry => ({ path, mode: PROGRAM_MODE, content })
  const entries: readonly ArchiveEntry[] = [
    ...FOLDERS.map((path) => ({ path, mode: FOLDER_MODE })),
    program('bin/busybox', readFileSync(busybox)),
    program('init', readFileSync(join(import.meta.dirname, 'init.sh'))),
    program('modules/order', Buffer.from(modules.map(({ name }) => `${name}\n`).join(''))),
    ...modules.map(({ name, path }) => program(`modules/${name}.ko`, readFileSync(path))),
  ]
  return gzipSync(packNewc(entries), { level: 1 })
}
