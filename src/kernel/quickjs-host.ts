import type { SyscallArgument } from './kernel.ts'

/** What the standalone executable gives to its program: `carrelHost` (engine/main.c). */
export interface Host {
  /** A result or -errno; texts and bytes go by their address, null and what is missing are 0. @throws TypeError for text with a NUL */
  syscall(number: number, ...words: readonly SyscallArgument[]): number
  address(bytes: Uint8Array): bigint
  /** The agent's binary, in the executable's own memory */
  agent(): Uint8Array
  /** Executes an image with its control socket at this number, a name and one variable of the environment: a pid or -errno */
  startAgent(image: number, control: number, at: number, name: string, variable: string): number
  /** Words of the command line after its own name */
  words(): readonly string[]
  /** `NAME=value` */
  variables(): readonly string[]
  /** The function that a part of the program is. @throws ReferenceError */
  load(name: string): (require: (name: string) => unknown, module: { exports: unknown }) => void
  /** As TextEncoder and TextDecoder do it for UTF-8 */
  encode(this: void, text: string): Uint8Array
  encodeInto(this: void, text: string, into: Uint8Array): { read: number; written: number }
  decode(this: void, bytes: Uint8Array): string
  /** Milliseconds */
  now(): number
}
