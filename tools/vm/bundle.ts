import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { ROOT } from '../project-files.ts'

// node takes seconds to load tsx where the processor is software; a bundle takes what node alone takes.

/** Bundles TypeScript files of the repository, each for itself, into `folder` with the ending `.mjs` instead of `.ts`. */
export async function bundle(files: readonly string[], folder: string): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [...files],
    outdir: folder,
    outbase: ROOT,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    sourcemap: 'linked',
    plugins: [knowsItsPlace],
  })
}

// Files find other files of the repository by their own address, which must not become the address of the bundle.
const knowsItsPlace: Plugin = {
  name: 'knows-its-place',
  setup(bundler) {
    bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const places = { url: pathToFileURL(path).href, dirname: dirname(path), filename: path }
      const text = await readFile(path, 'utf8')
      const contents = text.replace(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, name: keyof typeof places) =>
        JSON.stringify(places[name]),
      )
      return { contents, loader: 'ts' }
    })
  },
}
