import { spawn } from 'node:child_process'
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { currentKernel } from '../../src/kernel/current.ts'
import { readProcess } from '../../src/kernel/process.ts'
import type { GroupPlace } from '../../src/features/cgroups/group-place.ts'
import type { ContainerRecord } from '../../src/oci/state/container-record.ts'
import { StateStore } from '../../src/oci/state/state-store.ts'
import { eventually } from '../support/eventually.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { stateRoot, undoAfterTest, uniqueName } from '../support/oci.ts'

const kernel = await currentKernel()

/** A process of this host with a record as if it were a container's first one. */
export interface StoredProcess {
  readonly id: string
  readonly record: ContainerRecord
  readonly store: StateStore
  /** The signal that ended it, or its exit code */
  readonly ended: Promise<string | number | null>
}

/** Starts a program and a record of it; both go after the test. */
export function storedProcess(
  changes: Partial<ContainerRecord> = {},
  [program = '', ...args]: readonly string[] = ['sleep', '1000'],
): StoredProcess {
  const id = changes.id ?? uniqueName()
  const store = new StateStore(kernel, stateRoot())
  const child = spawn(program, args, { stdio: 'ignore' })
  const ended = new Promise<string | number | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  const pid = child.pid!
  const record: ContainerRecord = {
    id,
    ociVersion: '1.2.0',
    pid,
    startTime: readProcess(kernel, pid)!.startTime,
    bundle: '/bundle',
    rootfs: '/bundle/rootfs',
    created: '2026-01-02T03:04:05.678Z',
    owner: 0,
    annotations: { 'org.example/a': 'b' },
    groups: [],
    ...changes,
  }
  store.claim(id)
  store.save(record)
  store.release(id)
  undoAfterTest(() => {
    child.kill('SIGKILL')
    store.remove(id)
  })
  return { id, record, store, ended }
}

/** A group of its own in the freezer of cgroup v1 with these processes; thawed and removed after the test. */
export function freezerGroup(pids: readonly number[]): GroupPlace {
  const directory = join(hierarchyOf('freezer')!, uniqueName())
  mkdirSync(directory)
  for (const pid of pids) writeFileSync(join(directory, 'cgroup.procs'), String(pid))
  return { directory, version: 1, controllers: ['freezer'] }
}

/** Removes a group whose processes were killed. */
export async function removeEmptyGroup({ directory }: GroupPlace): Promise<void> {
  await eventually(
    () => {
      try {
        rmdirSync(directory)
        return true
      } catch {
        return false
      }
    },
    () => `${directory} has processes still`,
  )
}
