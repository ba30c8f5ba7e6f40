import type { Arch } from './arch.ts'
import type { Call, EncodedOut } from './call.ts'
import type { Encoder, Width, Word } from './encoder.ts'
import type { AnyRef } from './ref.ts'

/** One relocation that an argument asked for. */
export interface PlainRelocation {
  readonly at: number
  readonly word: Word
  readonly width: Width
}

/** An encoder without a program: keeps the words and bytes of one call, so that encodings can be looked at. */
export class PlainEncoder implements Encoder {
  readonly arch: Arch
  readonly words: Word[] = []
  readonly relocations: PlainRelocation[] = []
  #data: number[] = []
  #reply = 0

  constructor(arch: Arch = 'x64') {
    this.arch = arch
  }

  get data(): Uint8Array {
    return Uint8Array.from(this.#data)
  }

  /** Bytes reserved for the kernel to write */
  get reply(): number {
    return this.#reply
  }

  push(word: Word): void {
    this.words.push(word)
  }

  pushNumber(value: number | bigint): void {
    this.words.push({ kind: 'immediate', value })
  }

  pushData(at: number): void {
    this.words.push({ kind: 'data', value: at })
  }

  kept(): undefined {
    return undefined
  }

  keep(): void {
    // Each call is looked at alone.
  }

  place(bytes: Uint8Array): number {
    const at = this.#data.length
    for (const byte of bytes) this.#data.push(byte)
    while (this.#data.length % 8) this.#data.push(0)
    return at
  }

  placeText(text: string): number {
    return this.place(new TextEncoder().encode(`${text}\0`))
  }

  share(bytes: Uint8Array): number {
    return this.place(bytes)
  }

  reserve(size: number): number {
    const at = this.#reply
    this.#reply += (size + 7) & ~7
    return at
  }

  relocate(at: number, word: Word, width: Width): void {
    this.relocations.push({ at, word, width })
  }

  wordOf(ref: AnyRef): Word {
    return ref.word
  }

  /** Encodes a call's arguments, as the builder of programs does; returns what its out-parameters left behind. */
  call(call: Call, args: readonly unknown[]): EncodedOut[] {
    let next = 0
    return call.params.flatMap((param) => {
      const made = param.encode(param.implied ? undefined : args[next++], this, call.name)
      return made ? [made] : []
    })
  }
}

/** A call as a listing shows it. */
export function printCall(call: Call, args: readonly unknown[], arch: Arch = 'x64'): string {
  let next = 0
  const texts = call.params.map((param) => param.print(param.implied ? undefined : args[next++], arch, args))
  return `${call.name}(${texts.filter((text) => text !== '').join(', ')})`
}
