import { holdForOrdinaryUser } from '../support/as-ordinary-user.ts'

/** The files whose promises hold without privileges; a test that needs root says so itself. The rest: ordinary-user-programs.test.ts. */
holdForOrdinaryUser([
  'agent',
  'errors',
  'waiting',
  'events',
  'protocol-abuse',
  'lifetime',
  'lifetimes',
  'filter',
  'reexec',
  'options',
  'handles',
  'sigaction',
  'identity',
  'defects',
  'races',
])
