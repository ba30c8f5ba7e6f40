/** Which hierarchies of control groups a machine has; `systemd`: those that systemd makes. */
export type Hierarchies = 'v2' | 'v1' | 'hybrid' | 'systemd'

/** What init.sh has to know. */
export interface MachineSettings {
  /** Folder of the host that becomes the root, below an overlay; empty for the host's own root */
  readonly base: string
  readonly hierarchies: Hierarchies
  /** Folder of the repository on the host, and in the machine */
  readonly repository: string
  /** File of node on the host; `/usr/local/bin/node` in the machine */
  readonly node: string
  /** First program in the root, with its words; none holds a space */
  readonly start: string
}

/** The settings as the shell assignments that init.sh reads. */
export function renderSettings({ base, hierarchies, repository, node, start }: MachineSettings): string {
  const values = { BASE: base, CGROUPS: hierarchies, REPOSITORY: repository, NODE: node, START: start }
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value.replaceAll("'", "'\\''")}'\n`)
    .join('')
}
