/** What `create` and `run` are told besides the configuration. */
export interface CreateOptions {
  readonly id: string
  /** Directory of config.json; default the working directory */
  readonly bundle?: string
  readonly pidFile?: string
  /** Unix socket that gets the master of the terminal */
  readonly consoleSocket?: string
  /** How many descriptors from 3 on the container gets besides the standard ones */
  readonly preserveFds?: number
  readonly noPivot?: boolean
  readonly noNewKeyring?: boolean
  /** The container is killed when the process that runs it ends, by whatever; only without a gate */
  readonly endsWithCaller?: boolean
}
