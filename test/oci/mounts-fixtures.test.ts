import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { mountFacts, type MountFacts } from '../../src/bundle/mounts/mount-facts.ts'
import { mountSteps } from '../../src/bundle/mounts/mount-steps.ts'
import { openSources, sourceSteps } from '../../src/bundle/mounts/source-steps.ts'
import { deviceNodeSteps } from '../../src/bundle/root/device-nodes.ts'
import { enterRootSteps } from '../../src/bundle/root/enter-root.ts'
import { maskSteps, readonlyRootSteps, readonlySteps, sysctlSteps } from '../../src/bundle/root/finish-root.ts'
import { prepareRootSteps } from '../../src/bundle/root/root.ts'
import type { Config } from '../../src/bundle/spec.ts'
import { program } from '../../src/program/builder.ts'

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url))
const hierarchies = ['memory', 'cpu,cpuacct'].map((name) => ({ name, path: `/sys/fs/cgroup/${name}/own` }))

/** Calls that make or change something at a path, which must begin at a descriptor. */
const CHANGES =
  /^(openat2|mkdirat|mknodat|symlinkat|unlinkat|fchownat|fchmodat|move_mount|mount_setattr|open_tree|mount)\(/

for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('-config.json'))) {
  test(`${file}: once its sources are open, no path of the host or of the container is named but by descriptor`, () => {
    const config = JSON.parse(readFileSync(`${FIXTURES}/${file}`, 'utf8')) as Config
    const { sources, cgroups } = mountFacts(config)
    const facts: MountFacts = {
      bundle: '/bundle',
      kinds: Object.fromEntries(sources.map((path) => [path, 'file'])),
      userNamespace: config.linux?.namespaces?.some(({ type }) => type === 'user') ?? false,
      nodesOfHost: config.linux?.namespaces?.some(({ type }) => type === 'user') ?? false,
      privileged: true,
      ...(cgroups ? { cgroups: { version: 1, hierarchies } } : {}),
    }
    const made = sourceSteps(program(), config, facts)
    const p = program()
    const opened = openSources(
      p,
      config,
      facts,
      made.map((_, index) => 4 + index),
    )
    const root = prepareRootSteps(p, config, facts, opened)
    const first = p.steps.length
    mountSteps(p, root, config, facts, opened)
    deviceNodeSteps(p, root, config, facts, opened)
    enterRootSteps(p, root, { pivot: true, facts })
    sysctlSteps(p, root, config.linux?.sysctl)
    maskSteps(p, root, config.linux?.maskedPaths)
    readonlySteps(p, root, config.linux?.readonlyPaths)
    readonlyRootSteps(p, root, config)
    const later = p.steps.slice(first).map((step) => `${step.name}(${step.printArgs()})`)
    assert.ok(later.length > 50)
    for (const line of later.filter((each) => CHANGES.test(each))) assert.doesNotMatch(line, /AT_FDCWD/)
    for (const path of config.linux?.maskedPaths ?? []) assert.ok(String(p).includes(`"${path.slice(1)}"`), path)
    assert.ok(p.encode().frame.length > 0)
  })
}
