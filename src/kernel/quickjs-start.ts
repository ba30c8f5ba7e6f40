import type { Host } from './quickjs-host.ts'

// What the standalone executable evaluates first: the globals that QuickJS lacks and src/ uses, and the parts of the program, each of
// which is loaded when it is asked for (tools/build-standalone.mjs).

declare const carrelHost: Host

/** Parts that a snapshot of the engine holds: not the program itself, which runs as soon as it is loaded */
declare const CARREL_LOADED: readonly string[]

class Encoder {}
// Its methods are the engine's own: one that only calls another one costs as much as what it does.
Object.assign(Encoder.prototype, { encode: carrelHost.encode, encodeInto: carrelHost.encodeInto })

class Decoder {}
Object.assign(Decoder.prototype, { decode: carrelHost.decode })

const parts = new Map<string, { exports: unknown }>()

function part(name: string): unknown {
  const found = parts.get(name)
  if (found) return found.exports
  const module = { exports: undefined }
  parts.set(name, module)
  carrelHost.load(name.replace('./', ''))(part, module)
  return module.exports
}

/** For the build, which keeps the engine as it is then (engine/snapshot.c). @throws TypeError for a collection that would not be the same */
function carrelLoad(): void {
  const undo = [Map.prototype, WeakMap.prototype].map((each) => refuseObjects(each, 'set'))
  undo.push(...[Set.prototype, WeakSet.prototype].map((each) => refuseObjects(each, 'add')))
  for (const name of CARREL_LOADED) part(`./${name}`)
  for (const act of undo) act()
}

/** Objects are found by their addresses, which other processes do not have. */
function refuseObjects(prototype: object, name: 'set' | 'add'): () => void {
  const own = Reflect.get(prototype, name) as Adder
  function add(this: unknown, key: unknown, ...rest: readonly unknown[]): unknown {
    if (['string', 'number', 'boolean'].includes(typeof key)) return own.call(this, key, ...rest)
    throw new TypeError(`A ${typeof key} is a key of a collection that a part makes when it is loaded: make it later`)
  }
  Reflect.set(prototype, name, add)
  return () => void Reflect.set(prototype, name, own)
}

type Adder = (this: unknown, key: unknown, ...rest: readonly unknown[]) => unknown

const carrelMain = (): unknown => part('./main.js')

for (const name of ['dispose', 'asyncDispose']) Object.assign(Symbol, { [name]: Symbol(`Symbol.${name}`) })
// QuickJS 2025-04-26 gives negative numbers back as they are.
BigInt.asUintN = (bits, value) => value & ((1n << BigInt(bits)) - 1n)
// Its seed would be the same in every process.
Reflect.deleteProperty(Math, 'random')
Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder, performance: { now: () => carrelHost.now() } })
Object.assign(globalThis, { carrelLoad, carrelMain })
