import assert from 'node:assert/strict'
import { copyFileSync, lchownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { machineArch } from '../../src/linux/arch.ts'
import { parseContainerJson } from '../../src/nsinit/container-json/parse-container-json.ts'
import { writeJson } from '../../src/nsinit/container-json/write-json.ts'
import { toOci } from '../../src/nsinit/convert/to-oci.ts'
import { asUser, installForEverybody, USER } from '../rootless/ordinary-user.ts'
import { openFolder } from '../sandbox/build.ts'
import { checkMachine } from '../support/machine-check.ts'
import { makeRoot } from '../support/oci-bundle.ts'
import { RUNTIME } from '../support/oci.ts'
import { requires } from '../support/requires.ts'

const ROOT = requires({ root: true })
checkMachine()

let folder = ''
let command: readonly string[] = []
before(() => {
  if (ROOT.skip) return
  folder = openFolder('nsinit-rootless')
  const [program = '', ...words] = RUNTIME.command
  command =
    words.length === 0 ? [join(folder, 'carrel-oci')] : [program, join(installForEverybody(), 'dist/oci/main.js')]
  if (words.length === 0) copyFileSync(program, join(folder, 'carrel-oci'))
  makeRoot(join(folder, 'root'))
  mkdirSync(join(folder, 'session'), { mode: 0o700 })
  for (const name of ['root', 'session']) give(join(folder, name))
})
after(() => {
  if (folder) rmSync(folder, { recursive: true })
})

function give(path: string): void {
  lchownSync(path, USER, USER)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) give(join(path, entry.name))
    else lchownSync(join(path, entry.name), USER, USER)
  }
}

/** What a script prints in a container that the user starts. */
function sh(container: object, script: string): string {
  const config = parseContainerJson(JSON.stringify({ environment: ['PATH=/bin'], ...container }))
  const user = { uid: 0, gid: 0, groups: [7] }
  const rootless = { uid: USER, gid: USER }
  const oci = toOci(config, { arch: machineArch(), args: ['sh', '-c', script], user, rootless })
  writeFileSync(join(folder, 'root/config.json'), writeJson(oci))
  const words = ['run', '--bundle', join(folder, 'root'), 'one']
  const session = `XDG_RUNTIME_DIR=${folder}/session exec "$@"`
  const { status, stdout, stderr } = asUser(['sh', '-c', session, 'sh', ...command, ...words], { folder })
  assert.equal(status, 0, stderr)
  return stdout.trim()
}

const NAMESPACES = { NEWUSER: true, NEWNS: true, NEWPID: true, NEWUTS: true, NEWIPC: true }

test('D-L09: without id maps an ordinary user is root in NEWUSER, with its own id and no other', ROOT, () => {
  const text = sh(
    { namespaces: { ...NAMESPACES, NEWNET: true }, hostname: 'koye', capabilities: ['NET_ADMIN'] },
    'id -u; hostname; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; ip link set lo up && ip -o addr show lo; ls /dev/pts',
  )
  const [uid, name, ...rest] = text.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))
  assert.deepEqual([uid, name, ...rest.slice(0, 3)], ['0', 'koye', `0 ${USER} 1`, `0 ${USER} 1`, 'deny'])
  assert.match(text, /inet 127\.0\.0\.1\/8/)
})

test('D-L07: in a user namespace with the host’s network /sys is the host’s, which nobody writes to', ROOT, () => {
  const text = sh(
    { namespaces: NAMESPACES },
    'grep " /sys " /proc/self/mountinfo; ls /sys/class/net; touch /sys/kernel/x 2>&1; true',
  )
  assert.match(text, / \/sys ro,nosuid,nodev,noexec/)
  assert.match(text, /Read-only file system/)
})
