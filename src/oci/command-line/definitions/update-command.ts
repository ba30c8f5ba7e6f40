import type { CommandDefinition } from '../option.ts'

export const update = () =>
  ({
    name: 'update',
    summary: 'change the resources of a container',
    description: [
      'Changes what the groups of a container may use. FILE holds linux.resources of the specification; options alone change what they name.',
      'Sizes are bytes, or numbers with k, m, g, t for powers of 1024; -1 is no limit.',
    ],
    operands: [{ name: 'id', help: 'Id of the container' }],
    options: [
      { name: 'resources', kind: 'text', short: 'r', value: 'FILE', help: 'Read resources from FILE; - is stdin' },
      { name: 'memory', kind: 'text', value: 'SIZE', help: 'Memory' },
      { name: 'memory-reservation', kind: 'text', value: 'SIZE', help: 'Memory that is left when the host runs short' },
      { name: 'memory-swap', kind: 'text', value: 'SIZE', help: 'Memory and swap together' },
      { name: 'kernel-memory', kind: 'text', value: 'SIZE', help: 'Kernel memory; refused by kernels since 5.16' },
      { name: 'kernel-memory-tcp', kind: 'text', value: 'SIZE', help: 'Buffers of TCP sockets; cgroup v1' },
      { name: 'cpu-share', kind: 'text', value: 'N', help: 'Weight among others: 2 to 262144, by default 1024' },
      { name: 'cpu-quota', kind: 'text', value: 'US', help: 'CPU time in each period, in microseconds' },
      { name: 'cpu-period', kind: 'text', value: 'US', help: 'Length of a period, in microseconds' },
      { name: 'cpu-burst', kind: 'text', value: 'US', help: 'CPU time that may be saved up, in microseconds' },
      { name: 'cpu-idle', kind: 'text', value: '0|1', help: '1: run only when nothing else wants to' },
      { name: 'cpu-rt-runtime', kind: 'text', value: 'US', help: 'Realtime in each realtime period; cgroup v1' },
      { name: 'cpu-rt-period', kind: 'text', value: 'US', help: 'Length of a realtime period; cgroup v1' },
      { name: 'cpuset-cpus', kind: 'text', value: 'LIST', help: 'CPUs: 0-3,8' },
      { name: 'cpuset-mems', kind: 'text', value: 'LIST', help: 'Memory nodes: 0-1' },
      { name: 'pids-limit', kind: 'text', value: 'N', help: 'Processes and threads; -1 is no limit' },
      { name: 'blkio-weight', kind: 'text', value: 'N', help: 'Weight of block I/O: 10 to 1000' },
      { name: 'l3-cache-schema', kind: 'text', value: 'SCHEMA', help: 'Intel RDT: L3 cache' },
      { name: 'mem-bw-schema', kind: 'text', value: 'SCHEMA', help: 'Intel RDT: memory bandwidth' },
    ],
  }) as const satisfies CommandDefinition
