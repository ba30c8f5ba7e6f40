import type { OptionDefinition } from '../option.ts'

/** Asks for help, everywhere. */
export const HELP = { name: 'help', kind: 'flag', short: 'h', help: 'Print help and exit' } as const

/** Options before the name of the command. */
export const globalOptions = () =>
  [
    { name: 'root', kind: 'text', value: 'DIR', help: 'Directory of the states of containers' },
    { name: 'log', kind: 'text', value: 'FILE', help: 'Append messages to FILE instead of writing them to stderr' },
    {
      name: 'log-format',
      kind: 'choice',
      value: 'FORMAT',
      choices: ['text', 'json'],
      help: 'Form of a message: text (the default) or json, one object a line',
    },
    {
      name: 'log-level',
      kind: 'choice',
      value: 'LEVEL',
      choices: ['debug', 'info', 'warning', 'error'],
      help: 'debug is the same as --debug; errors and warnings are always written',
      hidden: true,
    },
    { name: 'debug', kind: 'flag', help: 'Also write what is done, and how long it takes' },
    {
      name: 'cgroup-manager',
      kind: 'choice',
      value: 'MANAGER',
      choices: ['cgroupfs', 'systemd', 'disabled'],
      help: 'Who makes control groups: this program (cgroupfs, the default), systemd, or nobody',
    },
    { name: 'systemd-cgroup', kind: 'flag', help: 'The same as --cgroup-manager systemd' },
    { name: 'criu', kind: 'text', value: 'FILE', help: 'The criu program (by default criu, as found in PATH)' },
    {
      name: 'rootless',
      kind: 'choice',
      value: 'WHEN',
      choices: ['true', 'false', 'auto'],
      bare: 'true',
      help: 'Accepted for scripts: whether privileges are missing is always found out',
    },
    HELP,
    { name: 'version', kind: 'flag', short: 'v', help: 'Print the version of this program and of the specification' },
  ] as const satisfies readonly OptionDefinition[]
