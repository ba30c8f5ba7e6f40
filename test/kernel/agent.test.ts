import assert from 'node:assert/strict'
import { readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { AgentError, InvalidInputError, SyscallError, TimeoutError } from '../../src/base/errors.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { close, O, open, readAll } from '../../src/kernel/descriptors.ts'
import { textOf } from '../../src/kernel/files.ts'
import { memoryFile, readFrom } from '../../src/kernel/memory-file.ts'
import { openPidfd, signalPidfd } from '../../src/kernel/process.ts'
import { socketPair } from '../../src/kernel/socket.ts'
import { decodeWaitStatus } from '../../src/linux/wait-status.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { execSteps } from '../../src/program/exec-steps.ts'
import { cloneStep, descriptorsStep } from '../../src/program/special.ts'
import { FRAME, PROGRAM, STEP } from '../../src/protocol/layout.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, descriptorsOf, seen } from '../support/proc.ts'

checkMachine()

const kernel = await currentKernel()

/** An agent that is gone when the test is over, and leaves nothing. */
function withAgent(use: (agent: SyncAgent) => void): void {
  const agent = SyncAgent.start(kernel)
  try {
    use(agent)
  } finally {
    agent.end()
  }
  assert.equal(seen(agent.pid as number), undefined)
}

function executes(argv: readonly string[]): Program {
  const p = program()
  execSteps(p, { path: argv[0] as string, argv, env: {} })
  return p
}

test('SyncAgent.start() makes a child of this process that answers in the same call, with one message', () => {
  withAgent((agent) => {
    const p = program()
    const [own, parent] = [p.getpid(), p.getppid()]
    const result = agent.run(p)
    assert.equal(result.get(own), agent.pid)
    assert.equal(result.get(parent), process.pid)
  })
})

test('an agent that was started has no descriptor of this process but its socket and the null device', () => {
  const file = open(kernel, '/etc/passwd', O.RDONLY)
  withAgent((agent) => {
    agent.run(program())
    const links = descriptorsOf(agent.pid as number)
    const others = [...links.values()].filter((name) => !/^(\/dev\/null|socket:|anon_inode:\[signalfd\])/.test(name))
    assert.deepEqual(others, [])
    assert.match(readlinkSync(`/proc/${agent.pid}/exe`), /memfd:carrel-agent/)
  })
  close(kernel, file)
})

test('run() throws the step that failed, with its feature and its reason; the agent goes on', () => {
  withAgent((agent) => {
    const p = program()
    p.because('mounts', 'it must fail')
    p.getpid()
    p.openat('AT_FDCWD', '/nowhere', ['O_RDONLY'])
    p.getppid()
    assert.throws(
      () => agent.run(p),
      (error: unknown) => {
        assert.ok(error instanceof SyscallError)
        const { call, errno, step, steps, feature, because } = error
        assert.deepEqual(
          { call, errno, step, steps, feature, because },
          { call: 'openat', errno: 'ENOENT', step: 1, steps: 3, feature: 'mounts', because: 'it must fail' },
        )
        return true
      },
    )
    assert.equal(agent.attempt(p).failure?.step, 1)
    assert.equal(agent.run(program()).count, 0)
  })
})

test('post() does not wait; answers are read in any order', () => {
  withAgent((agent) => {
    const [first, second] = [program(), program()]
    const [a, b] = [first.getpid(), second.getppid()]
    const posted = [agent.post(first), agent.post(second)] as const
    agent.post(program(), {}, false)
    assert.equal(agent.answer(posted[1]).get(b), process.pid)
    assert.equal(agent.answer(posted[0]).get(a), agent.pid)
  })
})

test('descriptors go with a program and come back with its answer, close-on-exec', () => {
  withAgent((agent) => {
    const [ours, theirs] = socketPair(kernel)
    const p = program()
    const word = p.write(p.attached(0), new TextEncoder().encode('hello'))
    p.send(p.openat('AT_FDCWD', '/proc/self/stat', ['O_RDONLY']))
    const result = agent.run(p, { descriptors: [theirs] })
    close(kernel, theirs)
    assert.equal(result.get(word), 5)
    const [fd] = result.descriptors as [number]
    assert.match(textOf(readAll(kernel, fd)), new RegExp(`^${agent.pid} `))
    assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /flags:\s+02/)
    close(kernel, fd)
    close(kernel, ours)
    assert.throws(() => agent.post(p), InvalidInputError)
  })
})

test('clone() makes a child in new namespaces that runs programs of its own', () => {
  withAgent((agent) => {
    const child = agent.clone(['CLONE_NEWPID', 'CLONE_NEWUTS', 'CLONE_NEWNS'])
    const p = program()
    const pid = p.getpid()
    p.sethostname('inside')
    assert.equal(child.run(p).get(pid), 1)
    assert.notEqual(readlinkSync(`/proc/${child.pid}/ns/uts`), readlinkSync('/proc/self/ns/uts'))
    assert.notEqual(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(), 'inside')
    child.close()
    assert.equal(agent.waitFor(child.pid as number, 5000), 0)
  })
})

test('conceive() takes orders, larger than a socket holds, before the process is there', () => {
  withAgent((agent) => {
    const { agent: child, socket, born } = SyncAgent.conceive(kernel)
    const p = program()
    const content = new Uint8Array(3_000_000).fill(65)
    const file = p.memfd_create('large', ['MFD_CLOEXEC'])
    const written = p.write(file, content)
    p.close(file)
    const posted = child.post(p)
    const maker = program()
    const { pid, pidfd } = cloneStep(maker, { flags: [], control: maker.attached(0) })
    maker.close(pidfd)
    born(Number(agent.run(maker, { descriptors: [socket] }).get(pid)))
    assert.equal(child.answer(posted).get(written), content.length)
    child.close()
    assert.equal(agent.waitFor(child.pid as number), 0)
  })
})

test('child() that cannot be made throws the error of its step and leaves no socket', () => {
  withAgent((agent) => {
    const before = descriptorsOf(process.pid).size
    const build = (p: Program, control: ReturnType<Program['attached']>) => {
      p.openat('AT_FDCWD', '/nowhere', ['O_RDONLY'])
      return cloneStep(p, { flags: [], control }).pid
    }
    assert.throws(() => SyncAgent.child(agent, build), SyscallError)
    assert.equal(descriptorsOf(process.pid).size, before)
    assert.deepEqual(descendants(agent.pid as number), [])
  })
})

test('become() returns when a program runs instead of the agent, whose end is an event', () => {
  withAgent((agent) => {
    const output = memoryFile(kernel, 'output', '')
    const child = agent.fork()
    const p = program()
    descriptorsStep(p, [[p.attached(0), 1]])
    execSteps(p, { path: 'sh', argv: ['sh', '-c', 'echo replaced $$; exit 7'], env: { PATH: '/nowhere:/bin' } })
    child.become(p, { descriptors: [output] })
    const status = agent.waitFor(child.pid as number) as number
    assert.deepEqual(decodeWaitStatus(status), { kind: 'exited', code: 7 })
    assert.equal(textOf(readFrom(kernel, output, 100)), `replaced ${child.pid}\n`)
    close(kernel, output)
  })
})

test('become() throws what execve(2) said, and the agent is still there', () => {
  withAgent((agent) => {
    const child = agent.fork()
    assert.throws(() => child.become(executes(['/nowhere'])), /execve\("\/nowhere".*ENOENT/)
    assert.equal(child.exec(executes(['no-such-command']))?.errno, 'ENOENT')
    assert.equal(child.run(program()).count, 0)
    child.close()
    agent.waitFor(child.pid as number)
  })
})

test('nextReply() tells of a program whose sender is another', () => {
  withAgent((agent) => {
    const p = program()
    p.getpid()
    p.tolerate('ENOENT').openat('AT_FDCWD', '/nowhere', ['O_RDONLY'])
    p.chdir('/nowhere')
    agent.post(p)
    const other = SyncAgent.attach(kernel, agent.socket)
    const reply = other.nextReply(5000)
    assert.deepEqual(reply, { results: [agent.pid, -2, -2], error: 2 })
  })
})

test('an agent that was killed is an AgentError for who waits for an answer, and the end for who waits for an exec', () => {
  for (const last of ['run', 'become'] as const) {
    withAgent((agent) => {
      const child = agent.fork()
      const pidfd = openPidfd(kernel, child.pid as number) as number
      assert.equal(signalPidfd(kernel, pidfd, 9), true)
      assert.equal(agent.waitFor(child.pid as number), 9)
      assert.equal(signalPidfd(kernel, pidfd, 9), false)
      close(kernel, pidfd)
      if (last === 'run') assert.throws(() => child.run(program()), AgentError)
      else child.become(program())
      child.close()
    })
  }
})

test('a wait has its time: nextEvent() and waitFor() give undefined, run() throws TimeoutError', () => {
  withAgent((agent) => {
    const child = agent.fork()
    const began = performance.now()
    assert.equal(agent.nextEvent(50), undefined)
    assert.equal(agent.waitFor(child.pid as number, 50), undefined)
    assert.ok(performance.now() - began >= 99)
    const p = program()
    p.nanosleep({ tv_sec: 60, tv_nsec: 0 })
    assert.throws(() => child.run(p, { timeoutMs: 50 }), TimeoutError)
    agent.kill(child.pid as number)
    assert.equal(agent.waitFor(child.pid as number), 9)
    child.close()
  })
})

test('events between answers are kept, those of other children too', () => {
  withAgent((agent) => {
    const children = [agent.fork(), agent.fork()] as const
    for (const child of children) child.become(executes(['/bin/true']))
    for (let i = 0; i < 20; i++) agent.run(program())
    assert.equal(agent.waitFor(children[1].pid as number), 0)
    assert.equal(agent.waitFor(children[0].pid as number), 0)
  })
})

test('watchSignals() makes signals events', () => {
  withAgent((agent) => {
    agent.watchSignals(1n << 9n)
    const p = program()
    p.kill(p.getpid(), 'SIGUSR1')
    agent.run(p)
    const event = agent.nextEvent(5000)
    assert.equal(event?.type === 'caught' && event.signal, 10)
  })
})

test('cleanup() runs when the connection ends, unless it was forgotten', () => {
  const paths = [`/tmp/carrel-kernel-${process.pid}-a`, `/tmp/carrel-kernel-${process.pid}-b`] as const
  withAgent((agent) => {
    for (const [key, path] of paths.entries()) {
      const p = program()
      p.mkdir(path, 0o700)
      agent.run(p)
      const clean = program()
      clean.rmdir(path)
      agent.cleanup(key, clean)
    }
    agent.cleanup(1, null)
    agent.options({ signal: 9, graceMs: 0 })
  })
  assert.throws(() => readlinkSync(paths[0]), { code: 'ENOENT' })
  assert.throws(() => readlinkSync(paths[1]), { code: 'EINVAL' })
  const agent = SyncAgent.start(kernel)
  const p = program()
  p.rmdir(paths[1])
  agent.run(p)
  agent.end()
})

test('detach() lets children live when the connection ends', () => {
  const agent = SyncAgent.start(kernel)
  const child = agent.fork()
  const p = program()
  // A clone is killed with its parent, unless it says otherwise.
  p.prctl('PR_SET_PDEATHSIG', 0, 0, 0, 0)
  execSteps(p, { path: '/bin/sleep', argv: ['sleep', '60'], env: {} })
  child.become(p)
  agent.detach()
  const last = program()
  last.exit_group(0)
  agent.become(last)
  agent.end()
  assert.match(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), /sleep/)
  const pidfd = openPidfd(kernel, child.pid as number) as number
  signalPidfd(kernel, pidfd, 9)
  close(kernel, pidfd)
})

test('a frame that breaks the protocol is an AgentError that names the fault', () => {
  withAgent((agent) => {
    const p = program()
    p.getpid()
    const { frame } = p.encode()
    frame[FRAME.size + PROGRAM.size + STEP.kinds] = 0xff
    assert.throws(() => agent.run(p), /Agent refused a frame and ended: [A-Z_]+/)
    assert.throws(() => agent.run(program()), AgentError)
  })
})
