import { findBinary } from './binaries.ts'
import { type Addon, loadAddon } from './addon.ts'

let loaded: Addon | undefined

/** The addon, loaded once. */
export function native(): Addon {
  loaded ??= loadAddon(findBinary('carrel.node'))
  return loaded
}
