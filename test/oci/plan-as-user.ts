import { checkLinuxResources } from '../../src/bundle/config/check-linux-resources.ts'
import { newFindings } from '../../src/bundle/config/fields.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { planGroup } from '../../src/oci/cgroups/plan-group.ts'

// Plans groups as an ordinary user, and prints what came of it: a process of its own, because nobody becomes root again.

const kernel = nodeKernel()
process.setgroups?.([])
process.setgid?.(65_534)
process.setuid?.(65_534)
try {
  const resources = checkLinuxResources(JSON.parse(process.argv[2] ?? '{}'), '/linux/resources', newFindings())
  const { spots, notApplied } = planGroup(kernel, { id: 'x', manager: 'cgroupfs', rootless: true, resources })
  console.log(JSON.stringify({ spots: spots.length, notApplied: notApplied.map(({ limit }) => limit) }))
} catch (error) {
  console.log(JSON.stringify((error as Error).message))
}
