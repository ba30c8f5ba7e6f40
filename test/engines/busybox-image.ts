import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Name of the image as engines know it. */
export const IMAGE = 'localhost/busybox:latest'

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Writes an image of busybox-static as `docker save` would; `scratch` is a folder for what it is made of. */
export function writeBusyboxImage(archive: string, scratch: string): void {
  const work = join(scratch, 'image')
  const root = join(work, 'root')
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'www']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const name of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (name !== 'busybox') symlinkSync('busybox', join(root, 'bin', name))
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n')
  writeFileSync(join(root, 'www/index.html'), 'served by busybox\n')
  tar(root, join(work, 'layer.tar'))
  rmSync(root, { recursive: true })
  const layer = createHash('sha256')
    .update(readFileSync(join(work, 'layer.tar')))
    .digest('hex')
  const config = JSON.stringify({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['sleep', '1000'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  })
  writeFileSync(join(work, 'config.json'), config)
  writeFileSync(
    join(work, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [IMAGE], Layers: ['layer.tar'] }]),
  )
  tar(work, archive)
  rmSync(work, { recursive: true })
}

const tar = (folder: string, archive: string): void => {
  execFileSync('tar', ['--owner=0', '--group=0', '--numeric-owner', '-C', folder, '-cf', archive, '.'])
}
