/** One rule about device nodes: an entry of `linux.resources.devices` of the OCI runtime specification. */
export interface DeviceRule {
  readonly allow: boolean
  /** `a`: both kinds and every number; default `a` */
  readonly type?: 'a' | 'b' | 'c'
  /** Absent or -1: every number */
  readonly major?: number
  readonly minor?: number
  /** Letters of `rwm`: read, write, mknod; default all */
  readonly access?: string
}
