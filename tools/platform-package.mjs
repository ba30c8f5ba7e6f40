// Fills the per-platform package (npm/<platform>) before it is packed, and empties it again afterwards.
// The "cpu" field is written here and not kept in the file: npm refuses to install a *workspace* whose "cpu" is another
// one (EBADPLATFORM, also when it is an optional dependency), so a clone could be built on one architecture only.
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = process.cwd()
const platform = basename(folder)
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'build', platform)
const binaries = ['carrel-agent', 'carrel.node']
const manifest = join(folder, 'package.json')
const saved = `${manifest}.unpacked`

if (process.argv[2] === 'prepack') fill()
else if (process.argv[2] === 'postpack') empty()
else throw new Error('Usage: platform-package.mjs prepack|postpack')

function fill() {
  for (const name of binaries) {
    if (!existsSync(join(built, name))) {
      console.error(
        `Cannot pack ${platform}: ${join(built, name)} is missing. Run: node tools/build.mjs --arch ${platform}`,
      )
      process.exit(1)
    }
    copyFileSync(join(built, name), join(folder, name))
    chmodSync(join(folder, name), 0o755)
  }
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  const unpacked = existsSync(saved) ? saved : manifest
  const { os, ...rest } = JSON.parse(readFileSync(unpacked, 'utf8'))
  if (unpacked === manifest) copyFileSync(manifest, saved)
  const packed = { ...rest, os, cpu: [platform.replace('linux-', '')] }
  delete packed.scripts
  writeFileSync(manifest, `${JSON.stringify(packed, null, 2)}\n`)
}

function empty() {
  for (const name of [...binaries, 'LICENSE']) rmSync(join(folder, name), { force: true })
  if (existsSync(saved)) renameSync(saved, manifest)
}
