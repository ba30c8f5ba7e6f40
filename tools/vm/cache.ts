import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Folder that keeps what the test machines are made of from one run to the next. */
export const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'carrel/vm')

/** The folder of this name in the cache; if it is missing, `fill` fills a new one, which gets the name when it is whole. */
export function cached(name: string, fill: (folder: string) => void): string {
  const place = join(cacheFolder(), name)
  if (existsSync(place)) return place
  mkdirSync(cacheFolder(), { recursive: true })
  const fresh = mkdtempSync(join(cacheFolder(), '.new-'))
  try {
    fill(fresh)
    if (!existsSync(place)) renameSync(fresh, place)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return place
}
