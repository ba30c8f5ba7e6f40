/** Annotations for what the OCI specification has no word for; in the words of container.json where they are JSON. */
export const ANNOTATIONS = {
  /** JSON: `networks` */
  networks: 'org.carrel.nsinit.networks',
  /** JSON: `routes` */
  routes: 'org.carrel.nsinit.routes',
  /** `FROZEN` */
  freezer: 'org.carrel.nsinit.freezer',
  /** `true`: `carrel-oci` is to be given --no-pivot too */
  noPivotRoot: 'org.carrel.nsinit.no_pivot_root',
  /** JSON: a `NamedUser` */
  user: 'org.carrel.nsinit.user',
} as const

/** How a user was named; it counts for as long as the numbers are those of the process. */
export interface NamedUser {
  readonly user: string
  readonly uid: number
  readonly gid: number
  /** Supplementary groups of the name, the first of the process’s */
  readonly groups: readonly number[]
}
