/** A committed file that is made from tables. */
export interface GeneratedFile {
  /** Path relative to the root of the repository */
  readonly path: string
  /** The whole text of the file; the same on every machine */
  readonly render: () => string
}
