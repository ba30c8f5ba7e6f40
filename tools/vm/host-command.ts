import { spawnSync } from 'node:child_process'

/** Runs a program of the host to its end and gives its stdout; its failure is an error with what it wrote. */
export function hostCommand(
  file: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs: number },
): string {
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    encoding: 'utf8',
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (error !== undefined) throw new Error(`${file}: ${error.message}`)
  if (status !== 0) {
    const said = `${stderr}${stdout}`.trim().split('\n').slice(-20).join('\n')
    throw new Error(`${file} ${args.join(' ')} ended with ${status ?? signal}: ${said}`)
  }
  return stdout
}
