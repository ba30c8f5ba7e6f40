import { InvalidInputError, StateError, UnsupportedError } from '../../base/errors.ts'
import { BusError } from './dbus/bus-error.ts'

/** What systemd was asked for. */
export interface Request {
  readonly verb: 'start' | 'stop' | 'change' | 'reset' | 'find' | 'read'
  /** The unit, or the property */
  readonly unit: string
}

type Explanation = (what: string, error: BusError) => Error

const denied: Explanation = (what, cause) =>
  new UnsupportedError(what, {
    fact: 'systemd.permission',
    remedy: "ask as root, or ask the user's own systemd (manager: 'user')",
    cause,
  })

const gone: Explanation = (what) => new StateError(what, { state: 'gone', wanted: 'a unit that systemd has' })

const outdated: Explanation = (what, cause) =>
  new UnsupportedError(what, {
    fact: 'systemd.version',
    remedy: 'use a newer systemd, or let groups be made by files',
    cause,
  })

/** Errors of systemd and of the bus by name (bus-common-errors.h), and who can act on them. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  'org.freedesktop.systemd1.UnitExists': (what) =>
    new StateError(what, { state: 'in use', wanted: 'a name that no unit has' }),
  'org.freedesktop.systemd1.NoSuchUnit': gone,
  'org.freedesktop.DBus.Error.UnknownObject': gone,
  'org.freedesktop.DBus.Error.InvalidArgs': (what, cause) =>
    new InvalidInputError(what, { field: 'properties', cause }),
  'org.freedesktop.DBus.Error.PropertyReadOnly': outdated,
  'org.freedesktop.DBus.Error.UnknownProperty': outdated,
  'org.freedesktop.DBus.Error.UnknownMethod': outdated,
  'org.freedesktop.DBus.Error.AccessDenied': denied,
  'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired': denied,
}

/** What systemd's refusal means for the caller, in its own words; errors of others stay what they are. */
export function explainRefusal(error: unknown, { verb, unit }: Request): unknown {
  if (!(error instanceof BusError)) return error
  const what = `systemd does not ${verb} ${unit} (${error.message.replace(/\.$/, '')})`
  const explanation = EXPLANATIONS[error.errorName]
  return explanation ? explanation(what, error) : new StateError(what, { state: error.errorName, wanted: 'done' })
}

/** Results of a job other than done, org.freedesktop.systemd1(5), "JobRemoved". */
const RESULTS: Readonly<Record<string, string>> = {
  canceled: 'another request took its place',
  timeout: 'it took longer than systemd lets it',
  failed: 'it failed',
  dependency: 'a unit that it needs failed',
  skipped: 'it does not apply to the unit as it is',
}

/** A job that ended otherwise. */
export const jobFailed = ({ verb, unit }: Request, result: string): StateError =>
  new StateError(
    `systemd did not ${verb} ${unit}: the result of its job is ${result}` +
      `${RESULTS[result] === undefined ? '' : ` (${RESULTS[result]})`}; journalctl -u ${unit} tells more`,
    { state: result, wanted: 'done' },
  )
