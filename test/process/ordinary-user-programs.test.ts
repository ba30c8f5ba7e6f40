import { holdForOrdinaryUser } from '../support/as-ordinary-user.ts'

/** As ordinary-user.test.ts, which would take too long alone: programs and what goes in and out of them, calls, many at once. */
holdForOrdinaryUser([
  'exec',
  'terminal',
  'environment',
  'directory',
  'title',
  'user',
  'task',
  'commands',
  'messages',
  'credit',
  'stdio',
  'writers',
  'stress',
  'stress-reexec',
  'tree',
])
