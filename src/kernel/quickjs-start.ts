import type { Host } from './quickjs-host.ts'

// What the standalone executable evaluates first: the globals that QuickJS lacks and src/ uses, and the parts of the program, each of
// which is loaded when it is asked for (tools/build-standalone.mjs).

declare const carrelHost: Host

/** Parts that a snapshot of the engine holds: not the program itself, which runs as soon as it is loaded */
declare const CARREL_LOADED: readonly string[]

class Encoder {
  encode(text = ''): Uint8Array {
    return carrelHost.encode(text)
  }

  encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
    return carrelHost.encodeInto(text, into)
  }
}

class Decoder {
  decode(bytes: Uint8Array): string {
    return carrelHost.decode(bytes)
  }
}

const parts = new Map<string, { exports: unknown }>()

function part(name: string): unknown {
  const found = parts.get(name)
  if (found) return found.exports
  const module = { exports: undefined }
  parts.set(name, module)
  carrelHost.load(name.replace('./', ''))(part, module)
  return module.exports
}

/** For the build, which keeps the engine as it is then (engine/snapshot.c) */
const carrelLoad = (): void => CARREL_LOADED.forEach((name) => part(`./${name}`))

const carrelMain = (): unknown => part('./main.js')

// Its seed would be the same in every process.
Reflect.deleteProperty(Math, 'random')
Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder, performance: { now: () => carrelHost.now() } })
Object.assign(globalThis, { carrelLoad, carrelMain })
