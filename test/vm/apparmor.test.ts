import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

test('The machine enforces AppArmor, with profiles that are loaded', () => {
  assert.equal(readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8'), 'Y\n')
  assert.match(readFileSync('/proc/self/attr/current', 'utf8'), /^unconfined/)
  // Only root may read the list, apparmorfs.
  if (process.getuid?.() === 0)
    assert.match(readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8'), /\(enforce\)$/m)
})

test('The machine runs systemd as its first program, and has D-Bus for this user', () => {
  assert.equal(readFileSync('/proc/1/comm', 'utf8'), 'systemd\n')
  const isRoot = process.getuid?.() === 0
  assert.ok(existsSync(isRoot ? '/run/dbus/system_bus_socket' : `/run/user/${process.getuid?.()}/bus`))
})
