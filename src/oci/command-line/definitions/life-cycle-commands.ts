import type { CommandDefinition, OptionDefinition } from '../option.ts'

const ID = { name: 'id', help: 'Id of the container' } as const
const BUNDLE = {
  name: 'bundle',
  kind: 'text',
  short: 'b',
  value: 'DIR',
  help: 'Directory with config.json (by default the current one)',
} as const
const PID_FILE = {
  name: 'pid-file',
  kind: 'text',
  value: 'FILE',
  help: 'Write the pid of the process to FILE',
} as const
const CONSOLE_SOCKET = {
  name: 'console-socket',
  kind: 'text',
  value: 'SOCKET',
  help: 'Send the master of the terminal to this listening unix socket',
} as const
const PRESERVE_FDS = {
  name: 'preserve-fds',
  kind: 'number',
  value: 'N',
  help: 'Pass N descriptors more, from 3 on, after those of LISTEN_FDS',
} as const
const DETACH = {
  name: 'detach',
  kind: 'flag',
  short: 'd',
  help: 'Return as soon as the process runs, instead of waiting for its end',
} as const

/** How a container is made: options of create, run. */
const makingOptions = () =>
  [
    BUNDLE,
    PID_FILE,
    CONSOLE_SOCKET,
    PRESERVE_FDS,
    { name: 'no-pivot', kind: 'flag', help: 'Move the root by mount and chroot: for a root on a ramdisk' },
    { name: 'no-new-keyring', kind: 'flag', help: 'Keep the session keyring of the caller' },
  ] as const satisfies readonly OptionDefinition[]

export const create = () =>
  ({
    name: 'create',
    summary: 'create a container',
    description: [
      'Makes the container that config.json of the bundle describes. Its first process waits: start lets it execute the program.',
    ],
    operands: [ID],
    options: makingOptions(),
  }) as const satisfies CommandDefinition

export const start = () =>
  ({
    name: 'start',
    summary: 'execute the program of a created container',
    description: ['Returns when the program was executed, or says why it cannot be.'],
    operands: [ID],
    options: [],
  }) as const satisfies CommandDefinition

export const run = () =>
  ({
    name: 'run',
    summary: 'create a container and start it',
    description: [
      'create, start, and unless --detach is given a wait for its end, after which the container is deleted. Ends with the status of the ' +
        'process, or 128 and the number of the signal that killed it.',
    ],
    operands: [ID],
    options: [
      ...makingOptions(),
      DETACH,
      { name: 'keep', kind: 'flag', help: 'Leave the container to delete when it has ended' },
      {
        name: 'no-subreaper',
        kind: 'flag',
        help: 'Accepted for scripts: a detached process is the child of the nearest subreaper above',
      },
    ],
  }) as const satisfies CommandDefinition

export const exec = () =>
  ({
    name: 'exec',
    summary: 'execute a program in a running container',
    description: [
      'The process is that of config.json with the options applied, or the one in FILE. Ends with its status, or 128 and the number of ' +
        'the signal that killed it; 255 when it could not be started.',
    ],
    operands: [ID, { name: 'command', help: 'Program and its arguments, unless --process is given', rest: true }],
    options: [
      {
        name: 'process',
        kind: 'text',
        short: 'p',
        value: 'FILE',
        help: 'Read the process from FILE, as in config.json',
      },
      { name: 'cwd', kind: 'text', value: 'DIR', help: 'Directory to begin in' },
      { name: 'env', kind: 'list', short: 'e', value: 'NAME=VALUE', help: 'Add a variable' },
      { name: 'user', kind: 'text', short: 'u', value: 'UID[:GID]', help: 'User and group, by number' },
      { name: 'additional-gids', kind: 'list', short: 'g', value: 'GID', help: 'Add a supplementary group' },
      { name: 'tty', kind: 'flag', short: 't', help: 'Give it a terminal' },
      { name: 'cap', kind: 'list', short: 'c', value: 'CAP', help: 'Add a capability' },
      { name: 'no-new-privs', kind: 'flag', help: 'Executing a file can add no privilege' },
      { name: 'apparmor', kind: 'text', value: 'PROFILE', help: 'AppArmor profile' },
      { name: 'process-label', kind: 'text', value: 'LABEL', help: 'SELinux label' },
      {
        name: 'cgroup',
        kind: 'list',
        value: '[CONTROLLERS:]PATH',
        help: 'Put it in a group below the one of the container',
      },
      { name: 'ignore-paused', kind: 'flag', help: 'Also in a paused container, where the process waits' },
      DETACH,
      PID_FILE,
      CONSOLE_SOCKET,
      PRESERVE_FDS,
    ],
  }) as const satisfies CommandDefinition

export const kill = () =>
  ({
    name: 'kill',
    summary: 'send a signal to a container',
    description: ['Sends the signal to the first process of a created or running container, by default TERM.'],
    operands: [
      ID,
      { name: 'signal', help: 'Number or name: 9, KILL and SIGKILL are the same; by default TERM', optional: true },
    ],
    options: [{ name: 'all', kind: 'flag', short: 'a', help: 'Send it to every process of the container' }],
  }) as const satisfies CommandDefinition

export const remove = () =>
  ({
    name: 'delete',
    summary: 'remove a stopped container',
    description: ['Removes the groups and the state of a container that has stopped.'],
    operands: [ID],
    options: [
      {
        name: 'force',
        kind: 'flag',
        short: 'f',
        help: 'Kill it first if it has not stopped; a container that does not exist is no error',
      },
      { name: 'exit-code', kind: 'number', value: 'N', help: 'End with this status: for run', hidden: true },
      {
        name: 'of',
        kind: 'text',
        value: 'PID:TIME',
        help: 'Only the one whose first process this is: for run',
        hidden: true,
      },
    ],
  }) as const satisfies CommandDefinition

export const pause = () =>
  ({
    name: 'pause',
    summary: 'suspend all processes of a container',
    description: ['Freezes its groups; resume lets them go on.'],
    operands: [ID],
    options: [],
  }) as const satisfies CommandDefinition

export const resume = () =>
  ({
    name: 'resume',
    summary: 'resume a paused container',
    description: ['Lets the processes go on that pause has suspended.'],
    operands: [ID],
    options: [],
  }) as const satisfies CommandDefinition
