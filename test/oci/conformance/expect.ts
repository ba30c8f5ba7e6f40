import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMountinfo, type MountEntry } from '../../../src/linux/mountinfo.ts'
import { type Changes, type Container, oci, type OciOptions, scratch, stateRoot, tryCreate } from '../../support/oci.ts'

/** Creating this fails, and leaves no state and no group. */
export function refused(changes: Changes, options: { readonly words?: readonly string[] } = {}): string {
  const one = tryCreate(changes, options)
  assert.notEqual(one.made.status, 0, 'create succeeded')
  assert.notEqual(one.made.stderr.trim(), '', 'no reason is given')
  assertNothingOf(one)
  return one.made.stderr
}

/** The runtime does not know it any more, and its groups are gone. */
export function assertNothingOf(one: Container): void {
  assert.notEqual(oci(['state', one.id]).status, 0, 'there is a state')
  assert.deepEqual(groupsOf(one.bundle.cgroup), [])
  assert.equal(existsSync(join(stateRoot(), one.id)), false, 'there is a folder of its state')
}

/** Folders of this group, of every hierarchy. */
export function groupsOf(path: string): readonly string[] {
  const folders = readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name, path))
  return folders.filter((folder) => existsSync(folder))
}

/** A command that must fail with a reason. */
export function fails(words: readonly string[], options: OciOptions = {}): string {
  const outcome = oci(words, options)
  assert.notEqual(outcome.status, 0, `${words.join(' ')} succeeded`)
  assert.notEqual(outcome.stderr + outcome.stdout, '', 'no reason is given')
  return outcome.stderr
}

/** All mounts as a process sees them. */
export const mountsOf = (pid: number): readonly MountEntry[] =>
  decodeMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))

/** The mount that a process sees at this path. */
export function mountAt(pid: number, path: string): MountEntry {
  const found = mountsOf(pid).findLast(({ mountPoint }) => mountPoint === path)
  assert.ok(found, `nothing is mounted on ${path}`)
  return found
}

/** A hook that is a script; `sh` is the host's or the container's, by the kind of the hook. */
export const hook = (text: string, more: Changes = {}): Changes => ({
  path: '/bin/sh',
  args: ['sh', '-c', text],
  env: ['PATH=/usr/bin:/bin'],
  ...more,
})

/** A file that hooks write to, one line each. */
export class Notes {
  readonly path = scratch('notes')
  constructor() {
    writeFileSync(this.path, '')
  }
  get lines(): readonly string[] {
    return readFileSync(this.path, 'utf8').split('\n').filter(Boolean)
  }
}
