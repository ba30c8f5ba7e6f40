import assert from 'node:assert/strict'
import { copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cProgram } from '../support/c-program.ts'
import { type Changes, type Container, oci, type Outcome, run, scratch, script, tryCreate } from '../support/oci.ts'
import { isAlive } from '../support/proc.ts'

const SECRET = 'secret-of-the-host'

/** A folder of the host that nothing may reach: what is in it is looked at before and after. */
export class Outside {
  readonly path = scratch('outside')
  readonly #before: readonly string[]

  constructor() {
    mkdirSync(join(this.path, 'folder'), { recursive: true })
    writeFileSync(join(this.path, 'secret'), SECRET)
    this.#before = listing(this.path)
  }

  /** The same by a way up out of any root */
  get upwards(): string {
    return `../../../../../../../../../..${this.path}`
  }

  assertUntouched(about: string): void {
    assert.deepEqual(listing(this.path), this.#before, about)
  }
}

/** Everything below a folder with mode, owner, size, content: any change shows. */
export function listing(folder: string): readonly string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      const { mode, uid, gid, size, rdev, mtimeMs } = lstatSync(path)
      const line = [path, mode, uid, gid, size, rdev, mtimeMs].join(' ')
      const kind = mode & 0o170000
      if (kind === 0o040000) return [line, ...listing(path)]
      if (kind === 0o120000) return [`${line} ${readlinkSync(path)}`]
      return kind === 0o100000 ? [`${line} ${readFileSync(path, 'latin1')}`] : [line]
    })
}

/** What a container finds of the host when it looks at every file; devices and FIFOs would never end. */
const SEARCH = [
  `find /dev /etc /tmp /mnt /var /root -type f -size -8 -exec grep -ls ${SECRET} {} +`,
  `for each in /link/secret /dev/secret /etc/secret /proc/secret /dev/null /dev/zero /masked; do test -f $each && grep -ls ${SECRET} $each; done; true`,
].join('; ')

/**
 * Runs a container with a hostile root or configuration. It may be refused, or run; either way it is not stuck, nothing outside
 * was touched and nothing of outside is seen in it.
 */
export function attack(name: string, changes: Changes, prepare: (root: string, outside: Outside) => void): Outcome {
  const outside = new Outside()
  const process = { ...(changes['process'] as Changes | undefined), ...script(SEARCH) }
  const outcome = run({ ...changes, process }, { prepare: (root) => prepare(root, outside), timeoutMs: 15_000 })
  assert.notEqual(outcome.status, null, `${name}: it is stuck`)
  outside.assertUntouched(name)
  assert.equal(outcome.stdout, '', `${name}: the container sees the host`)
  return outcome
}

/** It is refused: there is no container, and no process of it. */
export function refuses(
  changes: Changes,
  options: { readonly words?: readonly string[]; readonly prepare?: (root: string) => void } = {},
): string {
  const one = tryCreate(changes, { ...options, timeoutMs: 15_000 })
  assert.ok(one.made.status !== 0 && one.made.status !== null, `create ended with ${one.made.status}`)
  assert.notEqual(oci(['state', one.id]).status, 0)
  return one.made.stderr
}

/** Puts the program of attacks into a root: /bin/attacker. */
export const withAttacker = (root: string): void =>
  copyFileSync(cProgram('test/escape/attacker.c'), join(root, 'bin/attacker'))

/** Pid, as the host sees it, of a process that is added to a container and stays. */
export function execStaying(one: Container, flags: readonly string[] = []): number {
  const file = scratch('exec-pid')
  const outcome = one.exec(['/bin/sleep', '1000'], ['--detach', '--pid-file', file, ...flags])
  assert.equal(outcome.status, 0, outcome.stderr)
  const pid = Number(readFileSync(file, 'utf8'))
  assert.ok(isAlive(pid))
  return pid
}
