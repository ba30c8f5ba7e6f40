import type { CommandDefinition, OptionDefinition } from '../option.ts'

const ID = { name: 'id', help: 'Id of the container' } as const

/** What both directions pass to criu(8). */
const criuOptions = () =>
  [
    { name: 'image-path', kind: 'text', value: 'DIR', help: 'Directory of the images (by default ./checkpoint)' },
    { name: 'work-path', kind: 'text', value: 'DIR', help: 'Directory of logs and work files' },
    { name: 'tcp-established', kind: 'flag', help: 'Allow open TCP connections' },
    { name: 'ext-unix-sk', kind: 'flag', help: 'Allow unix sockets whose other end is outside' },
    { name: 'shell-job', kind: 'flag', help: 'Allow a terminal that comes from outside' },
    { name: 'file-locks', kind: 'flag', help: 'Allow file locks' },
    { name: 'lazy-pages', kind: 'flag', help: 'Leave memory to be fetched when it is used' },
    { name: 'auto-dedup', kind: 'flag', help: 'Drop pages from the images of a parent when a later image has them' },
    {
      name: 'manage-cgroups-mode',
      kind: 'choice',
      value: 'MODE',
      choices: ['soft', 'full', 'strict', 'ignore'],
      help: 'What criu does with control groups: ignore (the default: the configuration says), soft, full, strict',
    },
    {
      name: 'empty-ns',
      kind: 'list',
      value: 'NAMESPACE',
      help: 'Make this namespace, but restore nothing in it: network',
    },
  ] as const satisfies readonly OptionDefinition[]

export const checkpoint = () =>
  ({
    name: 'checkpoint',
    summary: 'write a running container to files',
    description: [
      'Asks criu(8) to write the processes of a container to images, from which restore makes them again.',
      'A container with a terminal cannot be written, nor what exec has made, nor a namespace that was joined unless it is of type network, ipc or uts. Standard streams must be pipes, or files of the host. A network namespace needs iptables, by which criu holds packets back.',
    ],
    operands: [ID],
    options: [
      ...criuOptions(),
      { name: 'leave-running', kind: 'flag', help: 'Let the container go on afterwards' },
      {
        name: 'pre-dump',
        kind: 'flag',
        help: 'Write memory alone and let the container go on, to make the last dump short',
      },
      {
        name: 'parent-path',
        kind: 'text',
        value: 'DIR',
        help: 'Images of an earlier pre-dump, relative to --image-path',
      },
      { name: 'page-server', kind: 'text', value: 'ADDRESS:PORT', help: 'Send memory to a page server' },
      { name: 'status-fd', kind: 'number', value: 'N', help: 'criu writes a NUL there when lazy pages are ready' },
    ],
  }) as const satisfies CommandDefinition

export const restore = () =>
  ({
    name: 'restore',
    summary: 'make a container from files of a checkpoint',
    description: [
      'Asks criu(8) to make the processes again that checkpoint has written, in a control group of their own.',
      'Standard streams that were pipes become those of this command; one that was a file wants a file of the same length, and the null device stays what it is. Hooks of the kinds prestart and createRuntime run while the processes stand still.',
    ],
    operands: [ID],
    options: [
      ...criuOptions(),
      {
        name: 'bundle',
        kind: 'text',
        short: 'b',
        value: 'DIR',
        help: 'Directory with config.json (by default the current one)',
      },
      { name: 'pid-file', kind: 'text', value: 'FILE', help: 'Write the pid of the process to FILE' },
      {
        name: 'console-socket',
        kind: 'text',
        value: 'SOCKET',
        help: 'Send the master of the terminal to this listening unix socket',
      },
      { name: 'detach', kind: 'flag', short: 'd', help: 'Return as soon as the process runs' },
      { name: 'keep', kind: 'flag', help: 'Leave the container to delete when it has ended' },
      { name: 'no-pivot', kind: 'flag', help: 'Move the root by mount and chroot: for a root on a ramdisk' },
      { name: 'no-subreaper', kind: 'flag', help: 'Accepted for scripts, as for run' },
      {
        name: 'lsm-profile',
        kind: 'text',
        value: 'TYPE:NAME',
        help: 'Profile of a security module: apparmor, selinux',
      },
      { name: 'lsm-mount-context', kind: 'text', value: 'CONTEXT', help: 'SELinux context of mounts' },
    ],
  }) as const satisfies CommandDefinition
