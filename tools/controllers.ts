import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Remembers which controllers the groups above this process give to groups below them; what it gives takes back those that came since.
 * A program leaves them on, as others may rely on them by then; tests leave the machine as they found it.
 */
export function rememberControllers(): () => void {
  const before = new Map(controlFiles().map((file) => [file, controllersIn(file)]))
  return () => {
    for (const [file, known] of [...before].reverse()) {
      const added = controllersIn(file).filter((name) => !known.includes(name))
      for (const name of added) takeBack(file, name)
    }
  }
}

/** `cgroup.subtree_control` of every group of v2 from the mounted one down to that of this process. */
function controlFiles(): readonly string[] {
  const mount = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1]
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  if (mount === undefined || path === undefined) return []
  const names = path.split('/').filter(Boolean)
  return names
    .reduce((above, name) => [...above, `${above.at(-1)}/${name}`], [mount])
    .map((directory) => `${directory}/cgroup.subtree_control`)
}

function controllersIn(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split(/\s+/).filter(Boolean)
  } catch {
    return []
  }
}

/** A group that somebody else made meanwhile may need it: then it stays. */
function takeBack(file: string, name: string): void {
  try {
    writeFileSync(file, `-${name}`)
  } catch {}
}
