import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { report } from './report.ts'
import { withAgent } from './with-agent.ts'

/** Where the example script lies: beside the sources, and in the package. */
const INIT = fileURLToPath(new URL('../../examples/ns/init.sh', import.meta.url))

const DEFAULT = '/tmp/zzroot'

/** `carrel mk-test-root`: a root file system of busybox to try `carrel ns` with. */
export const mkTestRootCommand = new Command('mk-test-root')
  .description('make a small root file system of busybox, for carrel ns')
  .argument('[dir]', `where; must not exist (default: ${DEFAULT})`)
  .option('--init <file>', 'program that becomes its /init.sh (default: the example of carrel ns)')
  .action(async (directory: string | undefined, { init }: { init?: string }) => {
    try {
      const { makeTestRoot } = await import('../ns/make-test-root.ts')
      const made = await withAgent((agent) => makeTestRoot(agent, resolve(directory ?? DEFAULT), init ?? INIT))
      const devices = made.devices
        ? 'devices'
        : 'no devices, which only root makes: carrel ns gives it a /dev of its own'
      process.stdout.write(`${made.directory}: ${made.applets} applets of busybox, ${devices}\n`)
    } catch (error) {
      process.exitCode = report(error)
    }
  })
