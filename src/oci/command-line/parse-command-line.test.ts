import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { COMMANDS, type CommandName, type GivenGlobals } from './definitions.ts'
import { globalOptions } from './definitions/global-options.ts'
import type { CommandDefinition } from './option.ts'
import { commandNamed, parseCommand, parseGlobals } from './parse-command-line.ts'

/** As main.ts reads a command line. */
function parse(line: string) {
  const words = line.split(' ').filter((word) => word !== '')
  const globals: GivenGlobals = {}
  const at = parseGlobals(words, globals)
  const name = commandNamed(words[at])
  return { globals, ...parseCommand(name, words.slice(at + 1)) }
}

const given = (line: string): Record<string, unknown> => ({ ...parse(line).given })

function refused(line: string): string {
  try {
    parse(line)
  } catch (error) {
    assert.ok(error instanceof InvalidInputError)
    return error.message
  }
  assert.fail(`"${line}" was taken`)
}

test('parseGlobals() takes the options of podman, conmon, the shim and BuildKit', () => {
  assert.deepEqual(parse('--root /r --log /l --log-format json create --bundle /b --pid-file /p id').globals, {
    root: '/r',
    log: '/l',
    logFormat: 'json',
  })
  assert.deepEqual(parse('--log-format=json --log /l --systemd-cgroup start id').globals, {
    logFormat: 'json',
    log: '/l',
    systemdCgroup: true,
  })
  assert.deepEqual(parse('--debug --cgroup-manager systemd --criu /sbin/criu list').globals, {
    debug: true,
    cgroupManager: 'systemd',
    criu: '/sbin/criu',
  })
})

test('parseGlobals() takes --rootless alone, with = and with a word', () => {
  assert.deepEqual(parse('--rootless list').globals, { rootless: 'true' })
  assert.deepEqual(parse('--rootless=auto list').globals, { rootless: 'auto' })
  assert.deepEqual(parse('--rootless false list').globals, { rootless: 'false' })
})

test('parseGlobals() keeps what stood before a mistake, so that it is logged there', () => {
  const globals: GivenGlobals = {}
  assert.throws(() => parseGlobals(['--log', '/l', '--nothing'], globals), InvalidInputError)
  assert.deepEqual(globals, { log: '/l' })
})

const FORMS: readonly (readonly [string, Record<string, unknown>])[] = [
  [
    'create --bundle /b --pid-file /p --console-socket /s --preserve-fds 2 --no-pivot --no-new-keyring id',
    {
      id: 'id',
      options: {
        bundle: '/b',
        pidFile: '/p',
        consoleSocket: '/s',
        preserveFds: 2,
        noPivot: true,
        noNewKeyring: true,
      },
    },
  ],
  ['create -b /b id', { id: 'id', options: { bundle: '/b' } }],
  ['create -b/b id', { id: 'id', options: { bundle: '/b' } }],
  ['create -b=/b id', { id: 'id', options: { bundle: '/b' } }],
  ['kill id 15', { id: 'id', signal: '15', options: {} }],
  ['kill --all id 9', { id: 'id', signal: '9', options: { all: true } }],
  ['kill -a id', { id: 'id', options: { all: true } }],
  ['kill id --all', { id: 'id', options: { all: true } }],
  ['delete --force id', { id: 'id', options: { force: true } }],
  ['delete -f id', { id: 'id', options: { force: true } }],
  ['ps --format json id', { id: 'id', arguments: [], options: { format: 'json' } }],
  ['ps id -e -o pid', { id: 'id', arguments: ['-e', '-o', 'pid'], options: {} }],
  ['list -q --format json', { options: { quiet: true, format: 'json' } }],
  ['events --stats --interval 1s id', { id: 'id', options: { stats: true, interval: '1s' } }],
  ['update --resources=/f id', { id: 'id', options: { resources: '/f' } }],
  ['update --resources - id', { id: 'id', options: { resources: '-' } }],
  ['update --memory-swap -1 id', { id: 'id', options: { memorySwap: '-1' } }],
  [
    'checkpoint --image-path /i --work-path /w --leave-running id',
    { id: 'id', options: { imagePath: '/i', workPath: '/w', leaveRunning: true } },
  ],
  [
    'run --detach --keep --preserve-fds 1 --no-subreaper id',
    { id: 'id', options: { detach: true, keep: true, preserveFds: 1, noSubreaper: true } },
  ],
  ['run --detach=false id', { id: 'id', options: { detach: false } }],
  [
    'exec --pid-file /p --process /f --detach --tty id',
    { id: 'id', command: [], options: { pidFile: '/p', process: '/f', detach: true, tty: true } },
  ],
  [
    'exec -dt -e A=1 -e B=2 -u 1:2 --cap CAP_KILL id sh -c -- x --tty',
    {
      id: 'id',
      command: ['sh', '-c', '--', 'x', '--tty'],
      options: { detach: true, tty: true, env: ['A=1', 'B=2'], user: '1:2', cap: ['CAP_KILL'] },
    },
  ],
  ['exec id -- -sh -- x', { id: 'id', command: ['-sh', '--', 'x'], options: {} }],
  ['exec -- -id sh', { id: '-id', command: ['sh'], options: {} }],
]

for (const [line, wanted] of FORMS) {
  test(`parseCommand() reads: ${line}`, () => assert.deepEqual(given(line), wanted))
}

test('parseCommand() names what is wrong, and what was probably meant', () => {
  assert.match(refused('create --bundel /b id'), /no option --bundel here: did you mean --bundle\?/)
  assert.match(refused('create -z id'), /no option -z here; --help/)
  assert.match(refused('creat id'), /no command "creat": did you mean create\?/)
  assert.match(refused('--log /l'), /No command is given/)
  assert.match(refused('create'), /create needs ID/)
  assert.match(refused('state a b'), /state does not take the word "b"/)
  assert.match(refused('create --preserve-fds x id'), /--preserve-fds must be a whole number, not "x"/)
  assert.match(refused('create --preserve-fds -1 id'), /--preserve-fds must be a whole number/)
  assert.match(refused('run --detach=maybe id'), /--detach must be true or false/)
  assert.match(refused('create id --pid-file'), /--pid-file needs a value: --pid-file FILE/)
  assert.match(refused('--log-format yaml list'), /--log-format must be one of text, json, not "yaml"/)
  assert.match(refused('--cgroup_manager systemd list'), /did you mean --cgroup-manager/)
})

test('parseCommand() makes --help the command help', () => {
  assert.deepEqual(parse('kill -h'), { globals: {}, name: 'help', given: { options: {}, command: 'kill' } })
  assert.deepEqual(parse('kill x y z --help').given, { options: {}, command: 'kill' })
  assert.deepEqual(given('exec id sh --help'), { id: 'id', command: ['sh', '--help'], options: {} })
})

test('definitions: every command and option can be told apart and is described', () => {
  const lists: (readonly [string, CommandDefinition['options']])[] = [['global', globalOptions()]]
  for (const name of Object.keys(COMMANDS) as CommandName[]) {
    const definition: CommandDefinition = COMMANDS[name]()
    assert.equal(definition.name, name)
    lists.push([name, definition.options])
    const after = definition.operands.findIndex(({ optional, rest }) => optional === true || rest === true)
    if (after >= 0) assert.equal(after, definition.operands.length - 1, `${name}: only the last operand may be missing`)
  }
  for (const [name, options] of lists) {
    const words = options.flatMap(({ name: long, short }) => [long, ...(short === undefined ? [] : [short])])
    assert.equal(new Set(words).size, words.length, `${name}: two options have one name`)
    for (const option of options) {
      assert.equal(option.kind === 'flag', option.value === undefined, `${name} --${option.name}: value name`)
      assert.equal(option.kind === 'choice', option.choices !== undefined, `${name} --${option.name}: choices`)
      assert.match(option.help, /[^.]$/)
    }
  }
})
