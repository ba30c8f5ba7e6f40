import { Command, InvalidArgumentError } from 'commander'
import { InvalidInputError, SyscallError, UnsupportedError } from '../base/errors.ts'
import type { VethEnd } from '../netlink/connect-veth.ts'
import { report } from './report.ts'

interface VethFlags {
  readonly host?: End
  readonly guest: End
  readonly bridge?: End
  readonly mtu?: number
  readonly gateway?: string
}

type End = VethEnd & { readonly name: string }

/** `carrel net`: networks of processes, without ip(8). */
export const netCommand = new Command('net').description('look at and connect network namespaces')

netCommand
  .command('veth')
  .description('connect this network with that of a process by a pair of links')
  .argument('<pid>', 'a process in a network namespace of its own', wholeNumber)
  .requiredOption('--guest <name[=address/n,...]>', "the process's end", end)
  .option('--host <name[=address/n,...]>', 'the end here; without it the first free of veth0, veth1, …', end)
  .option(
    '--bridge <name[=address/n,...]>',
    'make the end here a port of this bridge, which is made when there is none',
    end,
  )
  .option('--mtu <bytes>', 'largest packet', wholeNumber)
  .option('--gateway <address>', "the process's default route")
  .action(async (pid: number, flags: VethFlags) => {
    process.exitCode = await connect(pid, flags).catch(report)
  })

netCommand
  .command('show')
  .description('links, addresses and routes, of this network or that of a process')
  .argument('[pid]', 'a process', wholeNumber)
  .option('--json', 'for programs')
  .action(async (pid: number | undefined, { json = false }: { readonly json?: boolean }) => {
    process.exitCode = await show(pid, json).catch(report)
  })

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number from 1 on.')
}

function end(text: string): End {
  const [name = '', ...rest] = text.split('=')
  if (rest.length === 0) return { name }
  const addresses = rest.join('=').split(',')
  if (addresses.every((address) => address.includes('/'))) return { name, addresses }
  throw new InvalidArgumentError('Addresses have a prefix: NAME=10.0.0.1/24.')
}

async function connect(pid: number, flags: VethFlags): Promise<number> {
  const [{ withAgent }, { connectVeth }] = await Promise.all([
    import('./with-agent.ts'),
    import('../netlink/connect-veth.ts'),
  ])
  const pair = await withAgent((agent) => inNetworkOf(pid, connectVeth(agent, { pid, ...flags })))
  const own = [pair.host.name, ...(flags.host?.addresses ?? []), ...(flags.bridge ? [`on ${flags.bridge.name}`] : [])]
  const other = [pair.guest.name, ...(flags.guest.addresses ?? []), `of ${pid}`]
  process.stdout.write(`${own.join(' ')} - ${other.join(' ')}\n`)
  return 0
}

/** What the kernel says of a process that is not there, or is somebody else's, in the words of who named it. */
async function inNetworkOf<T>(pid: number, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SyscallError) || error.call !== 'openat') throw error
    if (error.errno === 'ENOENT') {
      const why = `${pid} is no process here: give the pid of one that lives`
      throw new InvalidInputError(why, { field: 'pid', cause: error })
    }
    if (error.errno !== 'EACCES' && error.errno !== 'EPERM') throw error
    throw new UnsupportedError(`The network of process ${pid} is not this user's to enter: ${error.message}`, {
      fact: 'CAP_SYS_PTRACE',
      remedy: 'give a process of your own, or be root of its namespaces',
      cause: error,
    })
  }
}

async function show(pid: number | undefined, json: boolean): Promise<number> {
  const [{ withAgent }, { Netlink }, view] = await Promise.all([
    import('./with-agent.ts'),
    import('../netlink/netlink.ts'),
    import('./net-view.ts'),
  ])
  const network = await withAgent(async (agent) => {
    await using netlink = await (pid === undefined
      ? Netlink.open(agent)
      : inNetworkOf(pid, Netlink.open(agent, { namespace: { pid } })))
    const [links, addresses, routes] = [
      await netlink.links.list(),
      await netlink.addresses.list(),
      await netlink.routes.list({ table: 'main' }),
    ]
    return { links, addresses, routes }
  })
  const columns = process.stdout.isTTY ? { columns: process.stdout.columns } : {}
  process.stdout.write(json ? `${JSON.stringify(network, null, 2)}\n` : view.networkText(network, columns))
  return 0
}
