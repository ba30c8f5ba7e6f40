import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { UnsupportedError } from '../base/errors.ts'
import { findRecordDirectory, openRecordDirectory } from './record-directory.ts'

const folder = mkdtempSync(join(tmpdir(), 'carrel-directory-'))
after(() => rmSync(folder, { recursive: true }))

const uid = process.geteuid?.() ?? 0
const named = (name: string) => ({ env: { CARREL_RUNTIME_DIR: join(folder, name) }, uid })
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof UnsupportedError && message.test(error.message)

test('openRecordDirectory() makes a directory that nobody else can look into, and finds it again', () => {
  assert.equal(findRecordDirectory(named('a')), undefined)
  assert.equal(openRecordDirectory(named('a')), join(folder, 'a'))
  assert.equal(statSync(join(folder, 'a')).mode & 0o7777, 0o700)
  assert.equal(openRecordDirectory(named('a')), join(folder, 'a'))
  assert.equal(findRecordDirectory(named('a')), join(folder, 'a'))
})

test('openRecordDirectory() is in the session of an ordinary user, or in /tmp under a name of its own', () => {
  const session = { env: { XDG_RUNTIME_DIR: folder }, uid }
  if (uid !== 0) assert.equal(openRecordDirectory(session), join(folder, 'carrel'))
  mkdirSync(join(folder, 'carrel'), { recursive: true })
  // Whoever asks is user 12345 here, and the directory is ours: it is found where it is looked for, and refused.
  const other = { env: { XDG_RUNTIME_DIR: folder }, uid: 12_345 }
  assert.throws(() => openRecordDirectory(other), refused(new RegExp(`^${folder}/carrel belongs to user ${uid}`)))
  assert.equal(findRecordDirectory({ env: { XDG_RUNTIME_DIR: join(folder, 'none') }, uid: 3_999_999_999 }), undefined)
})

test('openRecordDirectory() refuses what others could write to: links, files, modes, owners, relative paths', () => {
  mkdirSync(join(folder, 'open'))
  chmodSync(join(folder, 'open'), 0o770)
  assert.throws(() => openRecordDirectory(named('open')), refused(/can be written to by others/))
  symlinkSync(join(folder, 'a'), join(folder, 'link'))
  assert.throws(() => openRecordDirectory(named('link')), refused(/links are not followed/))
  assert.throws(() => findRecordDirectory(named('link')), refused(/links are not followed/))
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => openRecordDirectory(named('file')), refused(/no directory/))
  assert.throws(() => openRecordDirectory({ env: { CARREL_RUNTIME_DIR: 'here' }, uid }), refused(/absolute path/))
  assert.throws(() => openRecordDirectory(named('missing/deep')), refused(/ENOENT.*CARREL_RUNTIME_DIR/))
})
