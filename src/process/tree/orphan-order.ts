import { SyscallError } from '../../base/errors.ts'
import { ORPHAN } from '../../protocol/layout.ts'

/** The payload of an ORPHAN order: what a child gets when the connection to its parent has ended. */
export function orphanPayload(pid: number, signal: number): Uint8Array {
  const payload = new Uint8Array(ORPHAN.size)
  const view = new DataView(payload.buffer)
  view.setInt32(ORPHAN.pid, pid, true)
  view.setUint32(ORPHAN.signal, signal, true)
  return payload
}

/** False when the order was for a child that has ended, and been reaped, meanwhile. @throws every other error */
export async function unlessGone(order: Promise<void>): Promise<boolean> {
  try {
    await order
    return true
  } catch (error) {
    if (error instanceof SyscallError && error.errno === 'ESRCH') return false
    throw error
  }
}
