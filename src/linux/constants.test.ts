import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { type Arch, valueOn } from './arch.ts'
import type { ConstantSet } from './constant-set.ts'
import {
  CONSTANTS,
  type ConstantGroup,
  constantFlags,
  constantName,
  constantNames,
  constantValue,
  defineConstants,
} from './constants.ts'
import { MOUNT_WORDS, mountArguments } from './mount-words.ts'
import { nearestNames } from './nearest.ts'
import * as tables from './tables/index.ts'

const ARCHES: readonly Arch[] = ['x64', 'arm64']
const GROUPS = Object.keys(CONSTANTS) as ConstantGroup[]
const anyValue = constantValue as (group: string, name: string, arch?: Arch) => number
const anyDefine = defineConstants as (names: unknown, arch?: Arch) => number | bigint

test('CONSTANTS holds every set of the tables, each in one group', () => {
  const grouped = Object.values(CONSTANTS).flat() as ConstantSet[]
  assert.equal(new Set(grouped).size, grouped.length)
  for (const [name, table] of Object.entries(tables)) {
    if ('kind' in table) assert.ok(grouped.includes(table as ConstantSet), `${name} is in no group`)
  }
})

test('a name means the same number in all groups; words of mount(8) are no names', () => {
  for (const arch of ARCHES) {
    const values = new Map<string, number>()
    for (const set of Object.values(CONSTANTS).flat() as ConstantSet[]) {
      if (set === MOUNT_WORDS || (set.arch !== undefined && set.arch !== arch)) continue
      for (const [name, value] of Object.entries(set.values)) {
        const number = valueOn(arch, value)
        assert.equal(values.get(name) ?? number, number, name)
        values.set(name, number)
      }
    }
  }
})

test('constantValue() and constantName() undo each other for every name of every group, on both architectures', () => {
  for (const arch of ARCHES) {
    for (const group of GROUPS) {
      for (const name of constantNames(group, arch)) {
        const value = constantValue(group, name, arch)
        const found = constantName(group, value, arch)
        assert.ok(found !== undefined, name)
        assert.equal(constantValue(group, found, arch), value, name)
      }
    }
  }
  assert.equal(constantValue('clone', 'CLONE_NEWNS'), 0x20000)
  assert.equal(constantName('errno', 2), 'ENOENT')
  assert.equal(constantName('errno', 5000), undefined)
  assert.equal(constantName('signal', 9n), 'SIGKILL')
  assert.equal(constantName('syscall', 221, 'arm64'), 'execve')
  assert.equal(constantName('syscall', 59, 'x64'), 'execve')
  assert.ok(constantNames('rlimit').includes('RLIMIT_NOFILE'))
})

test('A33: a constant that only the other architecture has is unsupported, a name that none has is invalid input', () => {
  assert.equal(constantValue('open', 'O_DIRECTORY', 'x64'), 0o200000)
  assert.equal(constantValue('open', 'O_DIRECTORY', 'arm64'), 0o40000)
  assert.equal(constantValue('syscall', 'open', 'x64'), 2)
  const unsupported = (error: unknown) =>
    error instanceof UnsupportedError && /does not exist on arm64: use its successor/.test(error.message)
  assert.throws(() => constantValue('syscall', 'open', 'arm64'), unsupported)
  assert.throws(() => constantValue('ptrace', 'PTRACE_GETREGS', 'arm64'), unsupported)
  assert.throws(() => defineConstants('PTRACE_GETREGS', 'arm64'), unsupported)
  assert.ok(!constantNames('syscall', 'arm64').includes('open'))
  assert.equal(constantName('ptrace', 12, 'arm64'), undefined)
  assert.equal(constantName('ptrace', 33, 'arm64'), 'PTRACE_PEEKMTETAGS')
  assert.equal(constantName('ptrace', 33, 'x64'), 'PTRACE_SINGLEBLOCK')
  assert.throws(() => anyValue('syscall', 'opn', 'arm64'), InvalidInputError)
})

test('an unknown name or group is refused with the nearest known ones', () => {
  const refused = (call: () => unknown, field: string, message: RegExp) =>
    assert.throws(
      call,
      (error) => error instanceof InvalidInputError && error.field === field && message.test(error.message),
    )
  refused(() => anyValue('clone', 'CLONE_NEWNT'), 'name', /did you mean CLONE_NEWNS, CLONE_NEWNET or CLONE_NEWUTS\?$/)
  refused(() => anyValue('clone', 'newns'), 'name', /did you mean CLONE_NEWNS/)
  refused(() => anyValue('signal', 'TERM'), 'name', /did you mean SIGTERM/)
  refused(() => anyValue('clone', 'MS_BIND'), 'name', /it is of the group "mount"$/)
  refused(() => anyValue('clone', 'zebra'), 'name', /has no constant "zebra"$/)
  refused(() => anyValue('clone', 'constructor'), 'name', /has no constant "constructor"$/)
  refused(() => anyValue('signals', 'SIGTERM'), 'group', /did you mean signal\?$/)
  refused(() => anyValue('toString', 'SIGTERM'), 'group', /there are bpf, capability, clone/)
  refused(() => anyDefine(['O_CLOEXEC', 'MS_BNID']), 'constants', /no constant "MS_BNID": did you mean MS_BIND/)
  refused(() => anyDefine([1.5]), 'constants', /integer/)
  refused(() => constantFlags('errno', 3), 'group', /no flags/)
})

test('D-A12: defineConstants() puts constants of any group together with OR: one that is given twice counts once', () => {
  assert.equal(defineConstants(['CLONE_NEWNS', 'CLONE_NEWNS']), 0x20000)
  assert.equal(defineConstants(['MS_BIND', 'MS_REC', 'MS_BIND', 0x1000]), 0x5000)
  assert.equal(defineConstants(['O_CLOEXEC', 'CLONE_NEWNET']), 0o2000000 + 0x40000000)
  assert.equal(defineConstants(['O_SYNC', 'O_DSYNC']), constantValue('open', 'O_SYNC'))
  assert.equal(defineConstants('SIGKILL'), 9)
  assert.equal(defineConstants('LSMT_ROOT'), -1)
  assert.equal(defineConstants([]), 0)
  assert.equal(defineConstants(['bind'], 'x64'), constantValue('syscall', 'bind', 'x64'))
  assert.equal(defineConstants(['O_DIRECTORY'], 'arm64'), 0o40000)
})

test('constantFlags() names the flags of a word, in the order of the table; bits without a name come last', () => {
  assert.deepEqual(constantFlags('mount', 0x1006), ['MS_NOSUID', 'MS_NODEV', 'MS_BIND'])
  assert.deepEqual(constantFlags('mount', 0x80000000), ['MS_NOUSER'])
  assert.deepEqual(constantFlags('open', 0o2000002 | 0x20000000), ['O_RDWR', 'O_CLOEXEC', 0x20000000])
  assert.deepEqual(constantFlags('open', 0o40000, 'arm64'), ['O_RDONLY', 'O_DIRECTORY'])
})

test('mountArguments() makes flags of words of mount(8); the later word wins, the rest is for the file system', () => {
  assert.deepEqual(mountArguments('rdonly,nosuid,noexec,size=1m,noatime,mode=700'), {
    flags: ['MS_RDONLY', 'MS_NOSUID', 'MS_NOEXEC', 'MS_NOATIME'],
    data: 'size=1m,mode=700',
  })
  assert.deepEqual(mountArguments('rbind,ro,nodev,rw'), { flags: ['MS_BIND', 'MS_REC', 'MS_NODEV'], data: null })
  assert.deepEqual(mountArguments('rw,ro,MS_SILENT'), { flags: ['MS_RDONLY', 'MS_SILENT'], data: null })
  assert.deepEqual(mountArguments('defaults,'), { flags: [], data: null })
  assert.deepEqual(mountArguments('constructor'), { flags: [], data: 'constructor' })
  for (const [word, value] of Object.entries(MOUNT_WORDS.values)) {
    assert.equal(defineConstants(mountArguments(word).flags), value, word)
    assert.equal(constantValue('mount', word as keyof typeof MOUNT_WORDS.values), value)
  }
})

test('nearestNames() gives the best first, at most three, and names without their family too', () => {
  assert.deepEqual(nearestNames('CLONE_NEWN', ['CLONE_NEWUTS', 'CLONE_NEWNET', 'CLONE_NEWNS']), [
    'CLONE_NEWNS',
    'CLONE_NEWNET',
  ])
  assert.equal(nearestNames('a', ['b', 'c', 'd', 'e']).length, 3)
  assert.deepEqual(nearestNames('cloexec', ['O_CREAT', 'O_CLOEXEC', 'O_CLOEXEC']), ['O_CLOEXEC'])
  assert.deepEqual(nearestNames('zebra', ['O_CREAT']), [])
})
