import type { RootEntry } from './facts.ts'
import type { HostSource, SourceEntry } from './source.ts'

const ROOT_NAMES = ['bin', 'lib', 'lib32', 'lib64', 'libx32', 'sbin', 'usr']

/** Entries of the host's `/` that hold its programs and libraries. */
export function readRootEntries(source: HostSource): RootEntry[] {
  return ROOT_NAMES.flatMap((name) => {
    const entry = source.entry(`/${name}`)
    return entry ? toRootEntry(name, entry) : []
  })
}

/**
 * Names that programs need and that are the same for every user. Left out on purpose: gitconfig, npmrc, wgetrc, pip.conf
 * (tokens), passwd and its like (a sandbox makes its own), ssl/private and pki/tls/private (keys).
 */
const ETC_NAMES = [
  ...['alternatives', 'bash.bashrc', 'ca-certificates', 'ca-certificates.conf', 'debian_version', 'fonts', 'gai.conf'],
  ...['host.conf', 'inputrc', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'locale.alias', 'locale.conf', 'localtime'],
  ...['magic', 'magic.mime', 'manpath.config', 'mime.types', 'nsswitch.conf', 'os-release', 'perl', 'protocols', 'rpc'],
  ...['services', 'terminfo', 'timezone', 'xattr.conf'],
]
const ETC_PATTERNS = [/^java-[\w.-]+$/, /^python\d[\d.]*$/]
const ETC_NESTED = [
  ...['ssl/certs', 'ssl/cert.pem', 'ssl/openssl.cnf'],
  ...['pki/ca-trust', 'pki/java', 'pki/tls/cert.pem', 'pki/tls/certs', 'pki/tls/openssl.cnf'],
]

/** Entries of the host's /etc that everybody may read and that hold no secrets, by path relative to /etc, sorted. */
export function readEtcEntries(source: HostSource): RootEntry[] {
  const present = new Set(source.names('/etc'))
  const patterned = [...present].filter((name) => ETC_PATTERNS.some((pattern) => pattern.test(name)))
  const names = [...ETC_NAMES, ...ETC_NESTED].filter((name) => present.has(name.split('/')[0] ?? name))
  return [...names, ...patterned].sort().flatMap((name) => {
    const entry = isBehindLink(source, name) ? undefined : source.entry(`/etc/${name}`)
    // What a link leads to is what has to be readable; a link that leads nowhere is of no use.
    const mode = entry?.kind === 'symlink' ? source.mode(`/etc/${name}`) : entry?.mode
    return entry && isWorldReadable(mode)
      ? toRootEntry(name, entry).map((each) => withContent(each, entry, source))
      : []
  })
}

function toRootEntry(name: string, { kind, target }: SourceEntry): RootEntry[] {
  if (kind === 'other') return []
  return [{ name, kind, ...(target === undefined ? {} : { target }) }]
}

/** Larger files are attached, not copied. */
const COPIED_BYTES = 16 * 1024

/** Adds what a small text file holds; U+FFFD stands for bytes that are no UTF-8 (a small ld.so.cache). */
function withContent(entry: RootEntry, { size }: SourceEntry, source: HostSource): RootEntry {
  const content = entry.kind === 'file' && size <= COPIED_BYTES ? source.text(`/etc/${entry.name}`) : undefined
  if (content === undefined || content.length > COPIED_BYTES || content.includes('\uFFFD')) return entry
  return { ...entry, content }
}

/** A directory needs x as well as r; 0o170000 is S_IFMT and 0o040000 S_IFDIR, inode(7). */
function isWorldReadable(mode: number | undefined): boolean {
  if (mode === undefined) return false
  const wanted = (mode & 0o170000) === 0o040000 ? 0o005 : 0o004
  return (mode & wanted) === wanted
}

/** A nested name whose own directory is a link would be made at another place than it stands at here. */
function isBehindLink(source: HostSource, name: string): boolean {
  const slash = name.lastIndexOf('/')
  if (slash < 0) return false
  const parent = name.slice(0, slash)
  return source.entry(`/etc/${parent}`)?.kind !== 'directory' || isBehindLink(source, parent)
}
