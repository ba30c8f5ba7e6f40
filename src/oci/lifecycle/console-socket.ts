import { CONSOLE_NAME } from '../../bundle/terminal/terminal.ts'
import { callError } from '../../kernel/call.ts'
import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { connectUnix, Messages } from '../../kernel/socket.ts'

/** Sends the master of a terminal to whoever listens on a unix socket. @throws SyscallError */
export function sendMaster(kernel: Kernel, path: string, master: number): void {
  const socket = connectUnix(kernel, path)
  try {
    const sent = new Messages(kernel).send(socket, new TextEncoder().encode(CONSOLE_NAME), [master])
    if (sent < 0) throw callError('sendmsg', { args: `${JSON.stringify(path)}, the terminal's master` }, -sent)
  } finally {
    close(kernel, socket)
  }
}
