import type { CommandDefinition } from '../option.ts'

const ID = { name: 'id', help: 'Id of the container' } as const
const FORMAT = {
  name: 'format',
  kind: 'choice',
  short: 'f',
  value: 'FORMAT',
  choices: ['table', 'json'],
  help: 'table (the default) or json',
} as const

export const state = () =>
  ({
    name: 'state',
    summary: 'print the state of a container',
    description: ['Prints the state as the specification defines it, in JSON.'],
    operands: [ID],
    options: [],
  }) as const satisfies CommandDefinition

export const list = () =>
  ({
    name: 'list',
    summary: 'list containers',
    description: ['Lists the containers whose states are below --root.'],
    operands: [],
    options: [FORMAT, { name: 'quiet', kind: 'flag', short: 'q', help: 'Print ids alone' }],
  }) as const satisfies CommandDefinition

export const ps = () =>
  ({
    name: 'ps',
    summary: 'list the processes of a container',
    description: ['Asks ps(1) for the processes in the groups of the container, or prints their pids as JSON.'],
    operands: [ID, { name: 'arguments', help: 'Passed to ps(1) instead of -ef', rest: true }],
    options: [FORMAT],
  }) as const satisfies CommandDefinition

export const events = () =>
  ({
    name: 'events',
    summary: 'print what a container uses and when it runs out of memory',
    description: ['Prints an object of JSON a line: statistics at every interval, and an event when memory runs out.'],
    operands: [ID],
    options: [
      { name: 'stats', kind: 'flag', help: 'Print the statistics once and exit' },
      {
        name: 'interval',
        kind: 'text',
        value: 'DURATION',
        help: 'Time between statistics: 500ms, 5s (the default), 1m',
      },
    ],
  }) as const satisfies CommandDefinition

export const spec = () =>
  ({
    name: 'spec',
    summary: 'write a configuration to begin with',
    description: ['Writes config.json, which runs sh with the limits that engines give; it does not replace a file.'],
    operands: [],
    options: [
      {
        name: 'bundle',
        kind: 'text',
        short: 'b',
        value: 'DIR',
        help: 'Directory to write it to (by default the current one)',
      },
      { name: 'rootless', kind: 'flag', help: 'For a user without privileges: with a user namespace' },
    ],
  }) as const satisfies CommandDefinition

export const features = () =>
  ({
    name: 'features',
    summary: 'print what this runtime supports',
    description: ['Prints the features document of the specification, in JSON.'],
    operands: [],
    options: [],
  }) as const satisfies CommandDefinition

export const completion = () =>
  ({
    name: 'completion',
    summary: 'print the completions of a shell',
    description: ['Prints a script that completes commands, options and ids: bash, zsh or fish.'],
    operands: [{ name: 'shell', help: 'bash, zsh or fish' }],
    options: [],
  }) as const satisfies CommandDefinition

export const help = () =>
  ({
    name: 'help',
    summary: 'print help',
    description: ['Prints the commands, or what one command takes.'],
    operands: [{ name: 'command', help: 'Name of a command', optional: true }],
    options: [],
  }) as const satisfies CommandDefinition
