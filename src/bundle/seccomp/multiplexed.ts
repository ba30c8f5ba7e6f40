import { maskedEqual } from '../../features/seccomp/profile.ts'
import type { OciAction } from './oci-action.ts'
import type { OciRule } from './oci-rules.ts'

/** Numbers of calls behind socketcall(2), linux/net.h. */
const SOCKETCALL: Readonly<Record<string, number>> = {
  socket: 1,
  bind: 2,
  connect: 3,
  listen: 4,
  accept: 5,
  getsockname: 6,
  getpeername: 7,
  socketpair: 8,
  send: 9,
  recv: 10,
  sendto: 11,
  recvfrom: 12,
  shutdown: 13,
  setsockopt: 14,
  getsockopt: 15,
  sendmsg: 16,
  recvmsg: 17,
  accept4: 18,
  recvmmsg: 19,
  sendmmsg: 20,
}

/** Numbers of calls behind ipc(2), linux/ipc.h; the high 16 bits of the argument are a version. */
const IPC: Readonly<Record<string, number>> = {
  semop: 1,
  semget: 2,
  semctl: 3,
  semtimedop: 4,
  msgsnd: 11,
  msgrcv: 12,
  msgget: 13,
  msgctl: 14,
  shmat: 21,
  shmdt: 22,
  shmget: 23,
  shmctl: 24,
}

const GATES = [
  { name: 'socketcall', calls: SOCKETCALL, mask: 0xffff_ffff },
  { name: 'ipc', calls: IPC, mask: 0xffff },
] as const

/** What rules say about the calls that 32-bit x86 also reaches through `socketcall` and `ipc`, as rules for these. */
export function multiplexedRules(rules: readonly OciRule[], otherwise: OciAction): readonly OciRule[] {
  return GATES.flatMap(({ name, calls, mask }) => {
    if (rules.some((rule) => !rule.idle && rule.names.includes(name))) return []
    return rules.flatMap((rule): OciRule[] => {
      if (rule.idle || (rule.tests.length > 0 && rule.action.rank >= otherwise.rank)) return []
      const numbers = rule.names.filter((each) => Object.hasOwn(calls, each)).map((each) => calls[each] as number)
      return numbers.map((number) => ({
        names: [name],
        action: rule.action,
        tests: [maskedEqual(0, mask, number)],
        idle: false,
      }))
    })
  })
}
