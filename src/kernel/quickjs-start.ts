import type { Host } from './quickjs-host.ts'

// What the standalone executable evaluates first: the globals that QuickJS lacks and src/ uses, and the parts of the program, each of
// which is loaded when it is asked for (tools/build-standalone.mjs).

declare const carrelHost: Host

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

Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder, performance: { now: () => carrelHost.now() } })
part('./main.js')
