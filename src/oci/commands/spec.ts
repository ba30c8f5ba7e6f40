import { InvalidInputError } from '../../base/errors.ts'
import { defaultConfig } from '../../bundle/default-config.ts'
import { attempt, callError, E } from '../../kernel/call.ts'
import { close, O, tryOpen, writeAll } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { machineArch } from '../../linux/arch.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'

/** `spec [--rootless] [--bundle DIR]` */
export function run({ kernel }: Pick<Context, 'kernel'>, { options }: Pick<Given<'spec'>, 'options'>): void {
  const user = { uid: attempt(kernel, 'geteuid'), gid: attempt(kernel, 'getegid') }
  const config = defaultConfig({ arch: machineArch(), ...(options.rootless === true ? { rootless: user } : {}) })
  const directory = options.bundle ?? ''
  writeNew(kernel, `${directory === '' ? '.' : directory}/config.json`, `${JSON.stringify(config, null, 2)}\n`)
}

/** What a person has edited is never replaced. */
function writeNew(kernel: Kernel, path: string, text: string): void {
  const fd = tryOpen(kernel, path, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o666)
  if (fd === -E.EEXIST) {
    throw new InvalidInputError(`${path} exists already: remove it first, or name another directory by --bundle`, {
      field: '--bundle',
    })
  }
  if (fd < 0) throw callError('openat', { args: JSON.stringify(path) }, -fd)
  try {
    writeAll(kernel, fd, new TextEncoder().encode(text), path)
  } finally {
    close(kernel, fd)
  }
}
