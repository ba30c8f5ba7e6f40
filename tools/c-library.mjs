// The C library of the standalone executable.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** musl's memcpy(3) is for much at a time; most of what the engine copies is some words long. */
const SHORT_COPIES = {
  x64: ['-minline-all-stringops', '-mmemcpy-strategy=unrolled_loop:128:noalign,libcall:-1:noalign'],
  arm64: [],
}

const MACHINES = { x64: 'x86_64', arm64: 'aarch64' }

/**
 * Words for the compiler and its linker. With musl a process starts 0.5 ms earlier on a virtual machine: glibc asks the processor some thirty times
 * what it is (CPUID), and each time a hypervisor answers. Where Debian's musl-dev is not installed, or CARREL_LIBC is `compiler`, it is the
 * compiler's own.
 */
export function cLibrary(arch, cc) {
  const wanted = process.env['CARREL_LIBC'] || 'any'
  if (!['any', 'musl', 'compiler'].includes(wanted)) throw new Error(`CARREL_LIBC is ${wanted}: musl or compiler`)
  const target = `${MACHINES[arch]}-linux-musl`
  const file = (name) => join('/usr/lib', target, name)
  // What starts a static program at any address
  const isHere = existsSync(file('rcrt1.o'))
  if (wanted === 'musl' && !isHere) throw new Error(`${file('rcrt1.o')} is missing: Debian has it in musl-dev`)
  if (wanted === 'compiler' || !isHere) {
    return { name: 'compiler', compiling: [], linking: (objects) => [...objects, '-lm'] }
  }
  return {
    name: 'musl',
    compiling: [
      ...['-nostdinc', '-isystem', join('/usr/include', target), '-isystem', ownHeaders(cc)],
      ...SHORT_COPIES[arch],
    ],
    linking: (objects) => [
      ...['-nostdlib', file('rcrt1.o'), file('crti.o')],
      ...objects,
      ...[file('libc.a'), '-lgcc', file('crtn.o')],
    ],
  }
}

/** Headers that come with a compiler and not with a library, as stdarg.h. */
function ownHeaders(cc) {
  const { stdout, error } = spawnSync(cc, ['-print-file-name=include'], { encoding: 'utf8' })
  if (error) throw new Error(`${cc} does not start (${error.code}): Debian has it in gcc`)
  return stdout.trim()
}
