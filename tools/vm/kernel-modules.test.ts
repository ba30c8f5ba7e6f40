import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { moduleInfo, modulesInOrder } from './kernel-modules.ts'

/** The least ELF file with a section .modinfo. */
function moduleFile(info: string): Buffer {
  const names = Buffer.from('\0.modinfo\0.shstrtab\0')
  const text = Buffer.from(info)
  const header = Buffer.alloc(64)
  header.write('\x7fELF\x02\x01', 'latin1')
  const sections = [section(0, 0, 0), section(1, 64, text.length), section(10, 64 + text.length, names.length)]
  header.writeBigUInt64LE(BigInt(64 + text.length + names.length), 0x28)
  header.writeUInt16LE(64, 0x3a)
  header.writeUInt16LE(sections.length, 0x3c)
  header.writeUInt16LE(2, 0x3e)
  return Buffer.concat([header, text, names, ...sections])
}

function section(name: number, offset: number, size: number): Buffer {
  const entry = Buffer.alloc(64)
  entry.writeUInt32LE(name)
  entry.writeBigUInt64LE(BigInt(offset), 0x18)
  entry.writeBigUInt64LE(BigInt(size), 0x20)
  return entry
}

function withModules(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-modules-'))
  try {
    mkdirSync(join(folder, 'kernel/fs'), { recursive: true })
    const add = (path: string, depends: string): void =>
      writeFileSync(join(folder, 'kernel', path), moduleFile(`license=GPL\0depends=${depends}\0`))
    add('fs/virtio-share.ko', 'fuse,virtio_ring')
    add('fs/fuse.ko', '')
    add('virtio_ring.ko', 'virtio')
    add('virtio.ko', '')
    add('lost.ko', 'nowhere')
    writeFileSync(join(folder, 'modules.builtin'), 'kernel/fs/ext4/ext4.ko\n')
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('moduleInfo() reads the texts of .modinfo', () => {
  assert.deepEqual([...moduleInfo(moduleFile('a=1\0depends=x,y\0'))].slice(0, 2), [
    ['a', '1'],
    ['depends', 'x,y'],
  ])
})

test('modulesInOrder() puts each module after what it depends on, once, and leaves out what is built in', () => {
  withModules((folder) => {
    const names = modulesInOrder(folder, ['virtio_share', 'ext4', 'virtio']).map(({ name }) => name)
    assert.deepEqual(names, ['fuse', 'virtio', 'virtio_ring', 'virtio_share'])
  })
})

test('modulesInOrder() names a module that is missing, and what needs it', () => {
  withModules((folder) => {
    assert.throws(() => modulesInOrder(folder, ['lost']), /has no module nowhere, which lost needs/)
  })
})
