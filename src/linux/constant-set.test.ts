import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { choiceValue, nameOf, printChoice, valueOf } from './constant-set.ts'
import { errnoName, errnoNumber } from './errno.ts'
import { flagNames, flagsValue, printFlags, usualFlags } from './flags.ts'
import { nearest } from './nearest.ts'
import { printSignalMask, signalMask, signalName, signalNumber } from './signal.ts'
import { syscallName, syscallNumber } from './syscalls.ts'
import { CLONE } from './tables/clone.ts'
import { MS } from './tables/mount.ts'
import { OPEN } from './tables/open.ts'
import { SECCOMP_ACTIONS } from './tables/seccomp.ts'
import { SOCK } from './tables/sockets.ts'
import { LSMT } from './tables/statmount.ts'

test('flagsValue() combines names and numbers, in 64 bits where they need them', () => {
  assert.equal(flagsValue(CLONE, ['CLONE_NEWNS', 'CLONE_NEWPID', 17], 'x64', 'f'), 0x20020011)
  assert.equal(flagsValue(CLONE, ['CLONE_IO', 'CLONE_INTO_CGROUP'], 'x64', 'f'), 0x280000000)
  assert.equal(flagsValue(CLONE, 'CLONE_IO', 'x64', 'f'), 0x80000000)
  assert.equal(flagsValue(CLONE, [1n << 63n, 'CLONE_VM'], 'x64', 'f'), (1n << 63n) | 0x100n)
  assert.equal(flagsValue(CLONE, [], 'x64', 'f'), 0)
})

test('usualFlags() knows lists of names, and leaves to flagsValue() whatever else there is', () => {
  assert.equal(usualFlags(CLONE, ['CLONE_NEWNS', 'CLONE_NEWPID']), 0x20020000)
  assert.equal(usualFlags(CLONE, []), 0)
  for (const other of [['CLONE_NEWNS', 17], ['CLONE_IO'], ['CLONE_INTO_CGROUP'], 'CLONE_VM', 17, ['toString'], null]) {
    assert.equal(usualFlags(CLONE, other), undefined, String(other))
  }
  assert.equal(usualFlags(OPEN, ['O_DIRECTORY']), undefined, 'not the same on all architectures')
})

test('flagsValue() takes the value of the architecture', () => {
  assert.equal(flagsValue(OPEN, ['O_DIRECTORY'], 'x64', 'f'), 0o200000)
  assert.equal(flagsValue(OPEN, ['O_DIRECTORY'], 'arm64', 'f'), 0o40000)
})

test('valueOf() names the nearest constant when there is none of that name', () => {
  assert.throws(
    () => flagsValue(OPEN, ['O_CLOEXC'], 'x64', 'openat.flags'),
    (error) =>
      error instanceof InvalidInputError &&
      error.field === 'openat.flags' &&
      error.message === 'openat.flags has no constant "O_CLOEXC" (fcntl.h): did you mean O_CLOEXEC?',
  )
  assert.throws(() => valueOf(OPEN, 'toString', 'x64', 'f'), InvalidInputError)
  assert.throws(() => flagsValue(OPEN, [1.5], 'x64', 'f'), InvalidInputError)
  assert.throws(() => choiceValue(OPEN, {}, 'x64', 'f'), InvalidInputError)
})

test('printFlags() writes names in the order of the table, the access mode first, and unknown bits as one number', () => {
  assert.equal(printFlags(OPEN, ['O_CLOEXEC', 'O_RDONLY']), 'O_RDONLY|O_CLOEXEC')
  assert.equal(printFlags(OPEN, 0), 'O_RDONLY')
  assert.equal(printFlags(OPEN, ['O_RDWR', 'O_CREAT', 0o1000000000]), 'O_RDWR|O_CREAT|0x8000000')
  assert.equal(printFlags(OPEN, ['O_TMPFILE', 'O_WRONLY']), 'O_WRONLY|O_TMPFILE')
  assert.equal(printFlags(OPEN, 0o40000, 'arm64'), 'O_RDONLY|O_DIRECTORY')
  assert.equal(printFlags(MS, ['MS_PRIVATE', 'MS_REC']), 'MS_REC|MS_PRIVATE')
  assert.equal(printFlags(CLONE, 0), '0')
  assert.equal(printFlags(SOCK, ['SOCK_SEQPACKET', 'SOCK_CLOEXEC']), 'SOCK_SEQPACKET|SOCK_CLOEXEC')
})

test('flagNames() is undone by flagsValue()', () => {
  for (const value of [0, 0x20020011, 0x3_ffff_ffff]) {
    assert.equal(flagsValue(CLONE, flagNames(CLONE, value), 'x64', 'f'), value)
  }
})

test('nameOf() and printChoice() know a name by its value', () => {
  assert.equal(nameOf(SECCOMP_ACTIONS, 0x7fff0000), 'SECCOMP_RET_ALLOW')
  assert.equal(printChoice(SECCOMP_ACTIONS, 0x12345), '0x12345')
  assert.equal(nameOf(LSMT, -1), 'LSMT_ROOT')
})

test('errnoName() prefers the name that is no alias; errnoNumber() knows all', () => {
  assert.equal(errnoName(11), 'EAGAIN')
  assert.equal(errnoName(95), 'EOPNOTSUPP')
  assert.equal(errnoName(35), 'EDEADLK')
  assert.equal(errnoName(524), 'errno 524')
  assert.equal(errnoNumber('EWOULDBLOCK'), 11)
  for (let n = 1; n <= 133; n++) if (n !== 41 && n !== 58) assert.equal(errnoNumber(errnoName(n)), n)
  assert.throws(() => errnoNumber('EPREM'), /did you mean EPERM\?/)
})

test('signalName() is undone by signalNumber() for 1 to 64', () => {
  for (let n = 1; n <= 64; n++) assert.equal(signalNumber(signalName(n)), n)
  assert.equal(signalName(17), 'SIGCHLD')
  assert.equal(signalName(6), 'SIGABRT')
})

test('printSignalMask() is short for few and for nearly all', () => {
  assert.equal(printSignalMask(signalMask(['SIGCHLD', 1])), '[HUP CHLD]')
  assert.equal(printSignalMask(0n), '[]')
  assert.equal(printSignalMask(BigInt.asUintN(64, ~signalMask(['SIGKILL']))), '~[KILL]')
})

test('syscallNumber() and syscallName() undo each other on both architectures', () => {
  assert.equal(syscallNumber('x64', 'openat'), 257)
  assert.equal(syscallNumber('arm64', 'openat'), 56)
  assert.equal(syscallNumber('arm64', 'open'), undefined)
  assert.equal(syscallNumber('x64', 'constructor'), undefined)
  assert.equal(syscallName('arm64', 221), 'execve')
})

test('nearest() finds a misspelt name and nothing for a strange one', () => {
  assert.equal(nearest('clone_newns', ['CLONE_NEWNET', 'CLONE_NEWNS']), 'CLONE_NEWNS')
  assert.equal(nearest('zebra', ['CLONE_NEWNET', 'CLONE_NEWNS']), undefined)
})
