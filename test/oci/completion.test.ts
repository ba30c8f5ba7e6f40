import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ociOk, RUNTIME, scratch, stateRoot, useOci } from '../support/oci.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { storedProcess } from './stored-process.ts'

useOci()

/** What bash offers for the last of these words. */
function bash(...words: readonly string[]): readonly string[] {
  const source = `
    carrel-oci() { ${RUNTIME.command.map((word) => `'${word}'`).join(' ')} "$@"; }
    . "$0"
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _carrel_oci && printf '%s\\n' "\${COMPREPLY[@]}"`
  const file = join(REPOSITORY, 'share/completions/bash-completion/completions/carrel-oci')
  const { stdout, stderr } = spawnSync('bash', ['-c', source, file, 'carrel-oci', ...words], { encoding: 'utf8' })
  assert.equal(stderr, '')
  return stdout.split('\n').filter((line) => line !== '')
}

test('completion in bash offers commands, options, their values and ids', () => {
  assert.deepEqual(bash('cr'), ['create'])
  assert.deepEqual(bash('--log-f'), ['--log-format'])
  assert.deepEqual(bash('--log-format', 'j'), ['json'])
  assert.deepEqual(bash('--log', 'kill', 'sta'), ['start', 'state'], 'what --log takes is no command')
  assert.deepEqual(bash('create', '--bun'), ['--bundle'])
  assert.deepEqual(bash('list', '--format', ''), ['table', 'json'])
  assert.deepEqual(bash('completion', 'z'), ['zsh'])
  const { id } = storedProcess()
  assert.deepEqual(bash('--root', stateRoot(), 'kill', id.slice(0, -1)), [id])
})

test('completion in fish offers commands, options and their values', requires({ program: '/usr/bin/fish' }), () => {
  const file = join(REPOSITORY, 'share/completions/fish/vendor_completions.d/carrel-oci.fish')
  const fish = (line: string): readonly string[] => {
    const words = ['--no-config', '-c', `function carrel-oci; end; source $argv[1]; complete -C $argv[2]`, file, line]
    const { stdout, stderr } = spawnSync('fish', words, {
      encoding: 'utf8',
      env: { ...process.env, HOME: scratch('home') },
    })
    assert.equal(stderr, '')
    return stdout.split('\n').flatMap((row) => (row === '' ? [] : [row.split('\t')[0]!]))
  }
  assert.deepEqual(fish('carrel-oci cre'), ['create'])
  assert.deepEqual(fish('carrel-oci --log-format j'), ['json'])
  assert.deepEqual(fish('carrel-oci create --bun'), ['--bundle'])
  assert.deepEqual(fish('carrel-oci completion z'), ['zsh'])
})

test('completion in zsh offers commands, options and their values', requires({ program: '/usr/bin/zsh' }), () => {
  const folder = join(REPOSITORY, 'share/completions/zsh/site-functions')
  const zsh = (line: string): string => {
    // The line editor of a terminal of its own (zpty(1)), since completions run nowhere else; the key answers when done.
    const source = `
      zmodload zsh/zpty
      zpty shell 'zsh -f -i'
      zpty -w shell 'PS1=; unsetopt zle_bracketed_paste; fpath=(${folder} $fpath); autoload -U compinit; compinit -u -D'
      zpty -w shell 'answer() { zle complete-word; print -r -- "<$BUFFER>" >$ANSWER; }; zle -N answer; bindkey "^I" answer'
      zpty -w shell 'echo rea""dy'
      zpty -r shell output '*ready*'
      zpty -n -w shell $'${line}\\t'
      read -r answer <$ANSWER
      print -r -- $answer`
    const answers = scratch('completion.fifo')
    assert.equal(spawnSync('mkfifo', [answers]).status, 0)
    const env = { ...process.env, ANSWER: answers, TERM: 'dumb' }
    const { stdout, error } = spawnSync('zsh', ['-f', '-c', source], { encoding: 'utf8', env, timeout: 60_000 })
    assert.equal(error, undefined)
    return stdout.trim()
  }
  assert.equal(zsh('carrel-oci creat'), '<carrel-oci create >')
  assert.equal(zsh('carrel-oci --log-format js'), '<carrel-oci --log-format json >')
  assert.equal(zsh('carrel-oci create --bund'), '<carrel-oci create --bundle=>')
})

test('completion SHELL prints what the package holds', () => {
  const { stdout } = ociOk(['completion', 'bash'], { global: [] })
  assert.match(stdout, /complete -F _carrel_oci carrel-oci/)
  const file = scratch('completion.zsh')
  writeFileSync(file, ociOk(['completion', 'zsh'], { global: [] }).stdout)
  assert.equal(spawnSync('sh', ['-c', 'grep -c "^#compdef carrel-oci" "$0"', file], { encoding: 'utf8' }).stdout, '1\n')
})

test('every man page is one that groff takes without a warning', requires({ program: '/usr/bin/groff' }), () => {
  const folder = join(REPOSITORY, 'share/man/man8')
  const pages = readdirSync(folder).map((name) => join(folder, name))
  assert.ok(pages.length > 15)
  const { status, stdout, stderr } = spawnSync('groff', ['-man', '-Tascii', '-P-c', '-P-b', '-P-u', '-ww', ...pages], {
    encoding: 'utf8',
  })
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /--pid-file/)
})
