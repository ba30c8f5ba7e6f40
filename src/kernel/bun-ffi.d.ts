/** What bun.ts uses of bun's foreign functions (bun.sh/docs/api/ffi). */
declare module 'bun:ffi' {
  export type Pointer = number
  export interface Signature {
    readonly args: readonly ('i32' | 'i64' | 'ptr')[]
    readonly returns: 'i32' | 'i64_fast' | 'ptr'
  }
  export function dlopen<Names extends string>(
    path: string,
    functions: Readonly<Record<Names, Signature>>,
  ): {
    readonly symbols: Readonly<Record<Names, (...args: readonly (number | bigint | Uint8Array | null)[]) => number>>
  }
  export function ptr(bytes: Uint8Array): Pointer
  export const read: { i32(from: Pointer, offset?: number): number }
}
