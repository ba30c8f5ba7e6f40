/** Why an exchange on a bus failed: `Malformed`, `Closed`, or the name of the error that the other side sent. */
export class BusError extends Error {
  override readonly name = 'BusError'
  /** `org.freedesktop.systemd1.NoSuchUnit` */
  readonly errorName: string

  constructor(errorName: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.errorName = errorName
  }
}
