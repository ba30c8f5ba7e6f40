// The sources of QuickJS, of which tools/build-standalone.mjs makes the engine of the executable.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Its version, which is a date */
const QUICKJS = '2025.04.26'

const SHA256 = 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe'

/** The Debian whose source package has it, whatever this host runs */
const SUITE = 'trixie'
const PACKAGE = `quickjs=${QUICKJS}-1`
const ARCHIVE = `quickjs_${QUICKJS}.orig.tar.xz`

/** Faults of this version that the program would meet; test/oci/engine.test.ts finds them. What it can mend by itself is in quickjs-start.ts. */
const MENDED = [
  {
    file: 'quickjs.c',
    // A negative BigInt and a negative number of another magnitude
    wrong: `            if (f < e)
                return -1;
            else
                return 1;`,
    right: `            if (f < e)
                return 2 * a_sign - 1;
            else
                return 1 - 2 * a_sign;`,
  },
  {
    file: 'quickjs.c',
    // Digits of a number whose highest limb holds nothing but the sign
    wrong: `n_bits = r->len * JS_LIMB_BITS - js_limb_clz(r->tab[r->len - 1]);`,
    right: `int top = r->len > 1 && r->tab[r->len - 1] == 0 ? r->len - 1 : r->len;
        n_bits = top * JS_LIMB_BITS - js_limb_clz(r->tab[top - 1]);`,
  },
]

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const SOURCES = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']

/**
 * A folder with the sources: the one that CARREL_QUICKJS names (as it is), or one below build/, which is filled once from Debian's source
 * package, by apt and from where this host gets its packages. Nothing of the host's own lists changes.
 */
export function findQuickjs(root) {
  const given = process.env['CARREL_QUICKJS']
  if (given) return given
  const mended = createHash('sha256').update(JSON.stringify(MENDED)).digest('hex').slice(0, 8)
  const folder = join(root, 'build', `quickjs-${QUICKJS}-${mended}`)
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(join(root, 'build/new-quickjs-'))
  try {
    download(fresh)
    const archive = join(fresh, ARCHIVE)
    const found = createHash('sha256').update(readFileSync(archive)).digest('hex')
    if (found !== SHA256)
      throw new Error(`${ARCHIVE} is not the one that this was tested with: its SHA-256 is ${found}`)
    mkdirSync(join(fresh, 'sources'))
    run('tar', ['-xJf', ARCHIVE, '-C', 'sources', '--strip-components=1'], fresh)
    for (const each of MENDED) mend(join(fresh, 'sources', each.file), each)
    renameSync(join(fresh, 'sources'), folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}

function mend(path, { wrong, right }) {
  const text = readFileSync(path, 'utf8')
  const pieces = text.split(wrong)
  if (pieces.length !== 2) throw new Error(`${path} is not what MENDED knows`)
  writeFileSync(path, pieces.join(right))
}

function download(folder) {
  const options = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::Cache': join(folder, 'cache'),
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': '',
  }
  for (const each of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, each), { recursive: true })
  writeFileSync(join(folder, 'sources.list'), `deb-src [signed-by=${KEYRING}] ${mirror()} ${SUITE} main\n`)
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  run('apt-get', [...words, '-qq', 'update'], folder)
  run('apt-get', [...words, '-qq', 'source', '--download-only', PACKAGE], folder)
}

function mirror() {
  const texts = SOURCES.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))
  const [found] = texts.flatMap((text) => /^(?:deb (?:\[.*?\] )?|URIs: *)(\S+)/m.exec(text)?.[1] ?? [])
  if (found) return found
  throw new Error(
    `This host gets no packages from Debian: unpack QuickJS ${QUICKJS} and set CARREL_QUICKJS to its folder`,
  )
}

function run(command, words, cwd) {
  const { status, stderr, error } = spawnSync(command, words, { cwd, encoding: 'utf8' })
  if (error || status !== 0) {
    throw new Error(
      `${command} ${words.at(-1)} ended with ${error?.code ?? status}; set CARREL_QUICKJS to a folder with the sources of QuickJS ${QUICKJS} ` +
        `to do without it\n${stderr ?? ''}`,
    )
  }
}
