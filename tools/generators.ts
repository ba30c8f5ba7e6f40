import { generated as errors } from '../src/base/render-errors.ts'
import { GENERATED as linux } from '../src/linux/generate-signatures.ts'
import { generated as protocol } from '../src/protocol/render-header.ts'
import { generated as ociPages } from './generate-oci-pages.ts'
import type { GeneratedFile } from './generated-file.ts'
import { generated as conformance } from './oci-conformance.ts'
import { generated as constants } from './render-constants.ts'
import { generated as foreign } from './render-foreign.ts'
import { generated as process } from './render-process.ts'
import { generated as syscalls } from './render-syscalls.ts'

/** Every file that `npm run generate` writes; a new generator is added here, and nowhere else. */
export const GENERATORS: readonly GeneratedFile[] = [
  ...protocol(),
  ...linux,
  ...errors(),
  ...syscalls(),
  ...constants(),
  ...foreign(),
  ...process(),
  ...conformance(),
  ...ociPages(),
]
