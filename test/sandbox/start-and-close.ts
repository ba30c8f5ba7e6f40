import { Sandbox } from '../../src/sandbox/index.ts'

// Makes sandboxes with everything that leaves something on the host, until it is killed; says when it begins each.

const [folder = '/tmp'] = process.argv.slice(2)
for (;;) {
  process.stdout.write('begin\n')
  const box = await Sandbox.create({ memory: '64M', pids: 32, cpus: 1, binds: [`${folder}:/home/user/data`] })
  void box.run('sh', ['-c', '(setsid sleep 1000 &); (trap "" TERM HUP; sleep 1000 & sleep 1000)'])
  await box.run('true')
  await box.close()
}
