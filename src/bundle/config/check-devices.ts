import {
  checkAbsolute,
  checkEach,
  checkWhole,
  type Fields,
  fieldsOf,
  type Findings,
  need,
  refuse,
  wrong,
} from './fields.ts'

const DEVICE = ['type', 'path', 'major', 'minor', 'fileMode', 'uid', 'gid'] as const
/** File type bits of inode(7) that belong to each type of the specification; `u` is a character device without buffer. */
const TYPE_BITS: Readonly<Record<string, number>> = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 }
const TYPE_MASK = 0o170000
/** `dev_t` inside of the kernel: 12 bits of major, 20 bits of minor (linux/kdev_t.h) */
const MOST = { major: 0xfff, minor: 0xf_ffff } as const
const MOST_ID = 0xffff_fffe

/** `linux.devices`, config-linux.md#devices. @throws InvalidInputError */
export function checkDevices(value: unknown, at: string, findings: Findings): void {
  checkEach(value, at, (each, where) => {
    const device = fieldsOf(each, where, DEVICE, findings)
    const { type } = device
    need(device, 'type', where, 'say c, b, u or p')
    if (typeof type !== 'string' || TYPE_BITS[type] === undefined) wrong(type, `${where}/type`, 'c, b, u or p')
    need(device, 'path', where, 'say where in the container')
    checkAbsolute(device['path'], `${where}/path`)
    for (const part of ['major', 'minor'] as const) {
      if (type !== 'p') need(device, part, where, `a device of type ${type} has major and minor`)
      checkWhole(device[part], `${where}/${part}`, 0, MOST[part])
    }
    checkFileMode(device, TYPE_BITS[type], `${where}/fileMode`)
    checkWhole(device['uid'], `${where}/uid`, 0, MOST_ID)
    checkWhole(device['gid'], `${where}/gid`, 0, MOST_ID)
  })
}

/** The schema has permissions alone, but podman and containerd pass on all of st_mode, the file's type with it. */
function checkFileMode({ fileMode: mode }: Fields, typeBits: number, at: string): void {
  checkWhole(mode, at, 0, TYPE_MASK | 0o777)
  if (mode === undefined) return
  if ((mode & 0o7000) !== 0)
    refuse(at, `must be permissions alone, not 0o${mode.toString(8)}: take the bits above 0o777 away`)
  const bits = mode & TYPE_MASK
  if (bits !== 0 && bits !== typeBits)
    refuse(at, `is the mode of another type of file, 0o${mode.toString(8)}: give permissions alone`)
}
