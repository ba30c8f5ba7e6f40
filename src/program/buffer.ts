/** Bytes that grow: the parts of a program while it is built. Little-endian. */
export class GrowingBuffer {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Adds `size` zero bytes and returns where they begin. */
  extend(size: number): number {
    const at = this.#length
    this.#length += size
    if (this.#length > this.#bytes.length) this.#grow()
    return at
  }

  append(bytes: Uint8Array): number {
    const at = this.extend(bytes.length)
    this.#bytes.set(bytes, at)
    return at
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at, value, true)
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  /** Writes 64 bits where zeros are; negative numbers in two's complement. */
  u64(at: number, value: number | bigint): void {
    if (value === 0) return
    if (typeof value === 'bigint') {
      this.#view.setBigUint64(at, BigInt.asUintN(64, value), true)
    } else {
      this.#view.setUint32(at, value >>> 0, true)
      if (value < 0 || value > 0xffff_ffff) this.#view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true)
    }
  }

  #grow(): void {
    const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
    larger.set(this.#bytes)
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
