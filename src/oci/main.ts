#!/usr/bin/env node
import { currentKernel } from '../kernel/current.ts'
import { runCommandLine } from './run-command-line.ts'

/** No event loop is waited for, and no engine taken down: the process ends with its last command. */
async function main(): Promise<never> {
  const kernel = await currentKernel()
  return kernel.exit(await runCommandLine(kernel))
}

// Not awaited here: the standalone executable is made of a format without top-level await.
void main()
