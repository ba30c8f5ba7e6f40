import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import type { HostSource } from '../../host/source.ts'
import { isWritten, notEnforced } from './written.ts'

/** systemd answers first and writes then, in the next turn of its loop. */
const WRITTEN_MS = 2000
const PAUSE_MS = 5

/**
 * Waits until the kernel has what systemd was told: systemd logs a write that fails, and goes on.
 * @throws UnsupportedError for the first property that is not in its file
 */
export async function readBack(
  source: HostSource,
  unit: string,
  properties: readonly UnitProperty[],
  places: readonly GroupPlace[],
): Promise<void> {
  const end = performance.now() + WRITTEN_MS
  for (;;) {
    const wrong = properties.find((property) => !isWritten(source, property, places))
    if (!wrong) return
    if (performance.now() > end) throw notEnforced(unit, wrong.name)
    await sleep(PAUSE_MS)
  }
}
