import { OCI_VERSIONS } from '../bundle/oci-versions.ts'
import { VERSION } from './generated/version.ts'

/** Put in by the build of an executable or a package from a checkout; sources as they lie there have none. */
declare const CARREL_COMMIT: string | undefined

/** What `--version` prints. Engines read the word after "version", and what follows "commit:" and "spec:". */
export function versionText(): string {
  const commit = typeof CARREL_COMMIT === 'string' ? CARREL_COMMIT : 'unknown'
  return `carrel-oci version ${VERSION}\ncommit: ${commit}\nspec: ${OCI_VERSIONS.newest}\n`
}
