import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/bundle/config/parse-config.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { defaultContainer } from '../../src/nsinit/container-json/default-container.ts'
import { parseContainerJson } from '../../src/nsinit/container-json/parse-container-json.ts'
import { readUser } from '../../src/nsinit/convert/read-user.ts'
import { carrel } from '../cli/carrel.ts'
import { REPOSITORY } from '../support/repository.ts'

const sampleText = (name: string): string => readFileSync(join(REPOSITORY, 'examples/nsinit', `${name}.json`), 'utf8')

/** An empty directory that goes with this process. */
function folder(files: Readonly<Record<string, string>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'carrel-nsinit-config-'))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

/** What a command prints; it must succeed. */
function nsinit(
  words: readonly string[],
  cwd: string,
  input = '',
): { readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = carrel(['nsinit', ...words], { cwd, input })
  assert.equal(status, 0, stderr)
  return { stdout, stderr }
}

test('convert makes a config.json of a container.json with the users of its root, and a container.json of that again', () => {
  const container = JSON.stringify({ ...JSON.parse(sampleText('minimal')), user: 'web', root_fs: 'root' })
  const cwd = folder({ 'container.json': container })
  mkdirSync(join(cwd, 'root/etc'), { recursive: true })
  writeFileSync(join(cwd, 'root/etc/passwd'), 'web:x:33:34::/:\n')
  writeFileSync(join(cwd, 'root/etc/group'), 'extra:x:35:web\n')
  const made = nsinit(['convert', 'container.json', '--', '/bin/httpd', '-f'], cwd)
  assert.equal(made.stderr, '')
  const { config } = parseConfig(made.stdout)
  assert.deepEqual(config.process?.args, ['/bin/httpd', '-f'])
  assert.deepEqual(config.process?.user, { uid: 33, gid: 34, umask: 0o022, additionalGids: [35] })
  const back = nsinit(['convert', '-'], cwd, made.stdout)
  assert.deepEqual(parseContainerJson(back.stdout), parseContainerJson(container))
  assert.equal(back.stderr, 'carrel nsinit convert: /process/args is given to nsinit exec: ["/bin/httpd","-f"]\n')
})

test('convert says what is lost on stderr, and where a document is wrong', () => {
  const cwd = folder()
  const oci = JSON.parse(nsinit(['convert', '-'], cwd, sampleText('minimal')).stdout) as Record<string, unknown>
  assert.match(
    nsinit(['convert', '-'], cwd, JSON.stringify({ ...oci, domainname: 'x' })).stderr,
    /: \/domainname has no counterpart and is left out\n/,
  )
  const wrong = carrel(['nsinit', 'convert', '-'], { cwd, input: '{"namespaces":{"NEWNS":true,"NEWPDI":true}}' })
  assert.equal(wrong.status, 125)
  assert.match(
    wrong.stderr,
    /\/namespaces\/NEWPDI is no namespace that container\.json knows: "NEWPDI": did you mean NEWPID\?/,
  )
  assert.match(carrel(['nsinit', 'convert', 'absent'], { cwd }).stderr, /There is no file absent/)
})

test('L26: config prints what the container.json of the directory means, spec too, and an example when asked', () => {
  const cwd = folder({ 'container.json': sampleText('sample') })
  const { stdout } = nsinit(['config'], cwd)
  assert.deepEqual(parseContainerJson(stdout), parseContainerJson(sampleText('sample')))
  assert.ok(!stdout.includes('context'))
  assert.equal(nsinit(['spec'], cwd).stdout, stdout)
  assert.equal(nsinit(['--data-path', cwd, 'config'], '/').stdout, stdout)
  assert.deepEqual(parseContainerJson(nsinit(['config', '--new'], folder()).stdout), defaultContainer())
})

test('L14: readUser() reads the lists of a root, out of which no link leads, and waits for no FIFO', async () => {
  const kernel = await currentKernel()
  const outside = folder({ passwd: 'web:x:1:1::/:\n' })
  const root = folder({ users: 'web:x:33:34::/:\n' })
  mkdirSync(join(root, 'etc'))
  const fd = openSync(root, 'r')
  const link = (to: string): void => {
    rmSync(join(root, 'etc/passwd'), { force: true })
    symlinkSync(to, join(root, 'etc/passwd'))
  }
  link('/users')
  assert.deepEqual(readUser(kernel, fd, 'web'), { uid: 33, gid: 34, groups: [] })
  for (const way of [join(outside, 'passwd'), `../../../../../..${outside}/passwd`]) {
    link(way)
    assert.throws(() => readUser(kernel, fd, 'web'), /\/user names a user that is not in the container’s/)
  }
  rmSync(join(root, 'etc/passwd'))
  execFileSync('mkfifo', [join(root, 'etc/passwd')])
  assert.deepEqual(readUser(kernel, fd, '5'), { uid: 5, gid: 0, groups: [] })
  closeSync(fd)
})
