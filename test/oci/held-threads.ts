import { readdirSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { nodeKernel } from '../../src/kernel/node.ts'
import { NR } from '../../src/kernel/numbers.ts'
import { holdOut } from '../../src/oci/lifecycle/hold-out.ts'

/** Prints the signals that each thread blocks after `holdOut`, and the flags of its handler. */
const kernel = nodeKernel()
let late: Worker | undefined
let flags = 0n

holdOut({
  ...kernel,
  syscall(number, ...args) {
    // Threads have been listed by now.
    if (number === NR.tgkill) late ??= new Worker('setInterval(() => undefined, 1e6)', { eval: true })
    if (number === NR.rt_sigaction && args[1] instanceof Uint8Array)
      flags |= new BigUint64Array(args[1].slice().buffer)[1]!
    return kernel.syscall(number, ...args)
  },
})

const masks = readdirSync('/proc/self/task').map(
  (thread) => /^SigBlk:\t(\S+)$/m.exec(readFileSync(`/proc/self/task/${thread}/status`, 'utf8'))?.[1] ?? '',
)
process.stdout.write(JSON.stringify({ flags: String(flags), masks }), () => process.exit(0))
