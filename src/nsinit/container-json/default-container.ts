import type { ContainerConfig } from './container-config.ts'

/** A container with new namespaces and few rights, to be edited: what `nsinit config --new` writes. */
export function defaultContainer(): ContainerConfig {
  return {
    readonlyFs: false,
    noPivotRoot: false,
    hostname: 'carrel',
    user: '0',
    additionalGroups: [],
    workingDir: '/',
    environment: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'container=carrel',
      'TERM=xterm',
    ],
    tty: false,
    namespaces: [
      { type: 'NEWNS' },
      { type: 'NEWUTS' },
      { type: 'NEWIPC' },
      { type: 'NEWPID' },
      { type: 'NEWNET' },
      { type: 'NEWCGROUP' },
    ],
    capabilities: ['CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_AUDIT_WRITE'],
    ambientCapabilities: [],
    noNewPrivileges: true,
    seccomp: 'default',
    restrictions: 'default',
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 1024 }],
    mounts: [],
    deviceNodes: [],
    networks: [{ type: 'loopback' }],
    routes: [],
    cgroups: { allowAllDevices: false, allowedDevices: [], freezer: 'THAWED' },
  }
}
