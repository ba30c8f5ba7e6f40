#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { assertLinux } from '../kernel/binaries.ts'
import { connectCommand } from './connect-command.ts'
import { doctorCommand } from './doctor-command.ts'
import { explainCommand } from './explain-command.ts'
import { gcCommand } from './gc-command.ts'
import { mkTestRootCommand } from './mk-test-root-command.ts'
import { netCommand } from './net-command.ts'
import { nsCommand } from './ns-command.ts'
import { nsinitCommand } from './nsinit-command.ts'
import { pauseCommand } from './pause-command.ts'
import { psCommand } from './ps-command.ts'
import { FAILED, report } from './report.ts'
import { resumeCommand } from './resume-command.ts'
import { runCommand } from './run-command.ts'
import { serveCommand } from './serve-command.ts'
import { statsCommand } from './stats-command.ts'
import { updateCommand } from './update-command.ts'

const { version, description } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Record<string, string>

/** The command line: one file per command, each answers with the exit code. */
const cli = new Command('carrel')
  .description(description ?? '')
  .version(version ?? '')
  .enablePositionalOptions()
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'carrel: ')) })
const COMMANDS = [
  ...[runCommand, psCommand, statsCommand, pauseCommand, resumeCommand, updateCommand],
  ...[gcCommand, explainCommand, doctorCommand],
  ...[nsinitCommand, nsCommand, mkTestRootCommand, serveCommand, connectCommand, netCommand],
]
// A client of `serve` needs no container of its own.
cli.hook('preAction', (_, command) => (command === connectCommand ? undefined : assertLinux()))
for (const command of COMMANDS) {
  cli.addCommand(command.copyInheritedSettings(cli))
  for (const below of command.commands) below.copyInheritedSettings(command)
}

try {
  await cli.parseAsync()
} catch (error) {
  // A wrong command line is carrel's own failure, help and version are none.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : FAILED
  else process.exitCode = report(error)
}
