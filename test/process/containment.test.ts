import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Containment, lostInShell } from '../../src/process/containment.ts'
import {
  ControlGroups,
  cgroupMounts,
  outsideOf,
  ownFolder,
  placeIn,
} from '../../src/process/control-groups.ts'
import { isSurelyExecuted } from '../../src/process/executable.ts'
import { identify, isAlive } from '../../src/process/identity.ts'
import type { LaunchOrder } from '../../src/process/launcher.ts'
import { pidNamespace } from '../../src/process/proc.ts'
import { DIST, fixture, MODES, mustIdentify, pidsIn, Rig, temporaryFolder, until, untilDead } from './rig.ts'

t.jobs = 4

const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
const base = ownFolder(mounted, readFileSync('/proc/self/cgroup', 'utf8')) ?? ''
const canContain = ControlGroups.open() !== undefined
const needsGroups = { skip: canContain ? false : 'no control group (cgroup v2) can be made here' }

/** The folders of the groups of this life. */
const groupsOf = ({ marker }: LaunchOrder): string[] =>
  readdirSync(base)
    .filter((name) => name.endsWith(marker))
    .map((name) => join(base, name))

const groupOf = (pid: number): string => placeIn(readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? ''

const untilRemoved = (order: LaunchOrder) => until('its group is removed', () => groupsOf(order).length === 0)

for (const mode of MODES)
  t.test(`one that hid is found by its control group (${mode})`, needsGroups, async (t) => {
    const rig = await Rig.start(t, mode)
    const file = `${temporaryFolder(t)}/pid`
    const order = rig.order([fixture('hides.sh'), file, 'exit'])
    await rig.spawn(order)
    const hidden = mustIdentify((await pidsIn(file))[0] as number)
    t.same((await rig.answer('EXITED', order)).exit, { code: 0, signal: null })
    t.ok(isAlive(hidden))
    rig.launcher.sweep(order, { gentle: true, killWaitMs: 3000 })
    t.match(await rig.answer('SWEPT', order), { swept: [hidden.pid], escaped: [] })
    t.notOk(isAlive(hidden))
    await untilRemoved(order)
    t.same(rig.warnings, [])
  })

t.test('without control groups it is not: that is the known limit', async (t) => {
  const rig = await Rig.start(t, 'inline', { containment: 'none' })
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('hides.sh'), file, 'exit'])
  await rig.spawn(order)
  const hidden = mustIdentify((await pidsIn(file))[0] as number)
  t.teardown(() => isAlive(hidden) && process.kill(hidden.pid, 'SIGKILL'))
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { swept: [], escaped: [] })
  t.ok(isAlive(hidden))
})

t.test('the signals of a ladder reach one that hid', needsGroups, async (t) => {
  const rig = await Rig.start(t, 'process')
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('hides.sh'), file])
  const leader = await rig.spawn(order)
  const hidden = mustIdentify((await pidsIn(file))[0] as number)
  rig.launcher.signal(order, 'SIGTERM')
  const { signalled } = await rig.answer('SIGNALLED', order)
  t.match(
    signalled.find(({ pid }) => pid === leader.pid),
    { where: 'leader' },
  )
  t.match(
    signalled.find(({ pid }) => pid === hidden.pid),
    { where: 'own_session' },
  )
  await untilDead(hidden)
})

t.test('groups that an agent makes within its own are ended and removed with it', needsGroups, async (t) => {
  const rig = await Rig.start(t, 'inline')
  const file = `${temporaryFolder(t)}/pid`
  const script = `mkdir -p "$0/a/b" "$0/c"; (echo 0 > "$0/a/b/cgroup.procs"; exec ${fixture('hides.sh')} "$1" exit)`
  const probe = rig.order(['sh', '-c', `${script}; exec sleep 1000`, '', file])
  const [, , , , ...rest] = probe.command
  // The name of its group is known once it is there: it reads it itself.
  const group = `${base}$(sed -n "s/^0:://p" /proc/self/cgroup | sed "s#^.*/##;s#^#/#")`
  const order = {
    ...probe,
    command: ['sh', '-c', `G="${group}"; exec sh -c '${script}; exec sleep 1000' "$G" "$1"`, '', ...rest],
  } as LaunchOrder
  await rig.spawn(order)
  const hidden = mustIdentify((await pidsIn(file))[0] as number)
  t.match(groupOf(hidden.pid), /\/a\/b$/)
  rig.launcher.signal(order, 'SIGKILL')
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { escaped: [] })
  t.notOk(isAlive(hidden))
  await untilRemoved(order)
})

t.test('an agent has the same environment and arguments with a group as without', needsGroups, async (t) => {
  const seen: string[][] = []
  for (const containment of ['auto', 'none'] as const) {
    const rig = await Rig.start(t, 'inline', { containment })
    for (const [agentId, PWD] of [
      ['given', '/elsewhere'],
      ['taken', null],
    ] as const) {
      const env = { PWD, QUOTED: `a'b"c $HOME`, EMPTY: '' }
      const command = ['cat', '/proc/self/environ', '/proc/self/cmdline'] as const
      const order = rig.order(command, { agentId, cwd: '/', env })
      await rig.spawn(order)
      await rig.answer('EXITED', order)
      const words = rig.log(order).split('\0')
      seen.push(words.filter((word) => !word.startsWith('REEVE_')).sort())
    }
  }
  t.ok(seen[0]?.includes('PWD=/elsewhere') && seen[0].includes('cat'))
  t.same(seen.slice(0, 2), seen.slice(2))
})

t.test('a program is in its group before its first instruction, whatever it is', needsGroups, async (t) => {
  const rig = await Rig.start(t, 'inline')
  const bare = join(temporaryFolder(t), 'bare')
  writeFileSync(bare, 'cat /proc/self/cgroup\n')
  chmodSync(bare, 0o755)
  for (const command of [['cat', '/proc/self/cgroup'], ['/bin/cat', '/proc/self/cgroup'], [bare]] as const) {
    const order = rig.order(command)
    await rig.spawn(order)
    await rig.answer('EXITED', order)
    t.match(rig.log(order), new RegExp(`reeve-.*-${order.marker}`), command.join(' '))
  }
})

t.test('with detachOk an agent has no group, and its detached process lives on', needsGroups, async (t) => {
  const rig = await Rig.start(t, 'inline')
  const order = rig.order(['sleep', '1000'], { detachOk: true })
  const { pid } = await rig.spawn(order)
  t.same(groupsOf(order), [])
  t.notMatch(groupOf(pid), /reeve-/)
})

t.test(
  'a variable that a shell would change keeps an agent out of a group, and is told',
  needsGroups,
  async (t) => {
    t.same(lostInShell({ A: '', 'a.b': '', IFS: '', 'BASH_FUNC_x%%': '' }), ['a.b', 'IFS', 'BASH_FUNC_x%%'])
    const rig = await Rig.start(t, 'inline')
    const order = rig.order(['env'], { env: { 'a.b': 'kept' } })
    await rig.spawn(order)
    await rig.answer('EXITED', order)
    t.match(rig.log(order), /^a\.b=kept$/m)
    t.match(rig.warnings, [/a\.b run without a control group/])
  },
)

t.test('a new launcher finds the groups of one that was killed', needsGroups, async (t) => {
  const rig = await Rig.start(t, 'process')
  const file = `${temporaryFolder(t)}/pid`
  const order = rig.order([fixture('hides.sh'), file])
  const leader = await rig.spawn(order)
  const hidden = mustIdentify((await pidsIn(file))[0] as number)
  const before = rig.launcher.pid
  process.kill(before, 'SIGKILL')
  await until('another launcher', () => rig.launcher.pid !== before)
  process.kill(leader.pid, 'SIGKILL')
  await rig.answer('EXITED', order)
  rig.launcher.sweep(order, { gentle: false, killWaitMs: 3000 })
  t.match(await rig.answer('SWEPT', order), { swept: [hidden.pid], escaped: [] })
  await untilRemoved(order)
})

t.test(
  'an empty group of a dead launcher is removed by the next, one in use is not',
  needsGroups,
  async (t) => {
    const namespace = /\d+/.exec(pidNamespace())?.[0]
    const name = (startTime: number | undefined, digit: string) =>
      join(base, `reeve-${namespace}-${process.pid}-${startTime}-${digit.repeat(32)}`)
    const start = identify(process.pid)?.startTime
    const [dead, living] = [name(1, 'd'), name(start, 'e')]
    for (const path of [dead, living]) mkdirSync(path)
    const containment = new Containment((message) => t.fail(message))
    containment.use('auto')
    t.notOk(existsSync(dead))
    t.ok(existsSync(living))
    const found = containment.find('e'.repeat(32))
    t.equal(found?.path, living)
    if (found !== undefined) containment.remove(found)
    await containment.settled()
    t.notOk(existsSync(living))
  },
)

t.test(
  "a launcher that an agent started leaves the agent's group, and its agents with it",
  needsGroups,
  async (t) => {
    const rig = await Rig.start(t, 'inline')
    const home = temporaryFolder(t)
    const inner = rig.order(['sleep', '1000'], { logFile: join(home, 'inner.log') })
    const given = JSON.stringify({ home })
    const script = `exec ${process.execPath} ${fixture('supervises.js')} "$@"`
    const order = rig.order(['sh', '-c', `${script} < /dev/null`, '', DIST, given, JSON.stringify(inner)])
    const supervisor = await rig.spawn(order)
    const said = await until('it spawned', () => lineWith(rig.log(order), '"SPAWNED"'))
    const agent = (JSON.parse(said) as { process: { pid: number } }).process
    const { pid } = JSON.parse(lineWith(rig.log(order), '"started"') ?? '') as { pid: number }
    const launcher = mustIdentify(pid)
    t.match(groupOf(supervisor.pid), order.marker)
    t.notMatch(groupOf(launcher.pid), /reeve-/)
    t.notMatch(groupOf(agent.pid), order.marker)
    const innerAgent = mustIdentify(agent.pid)
    process.kill(supervisor.pid, 'SIGKILL')
    await untilDead(innerAgent)
    await untilDead(launcher)
  },
)

const lineWith = (text: string, part: string): string | undefined =>
  text.split('\n').find((line) => line.includes(part) && line.endsWith('}'))

t.test('where the own group lies is read from mounts of every kind', async (t) => {
  const line = (root: string, at: string, type = 'cgroup2') =>
    `31 24 0:27 ${root} ${at} rw,relatime shared:9 - ${type} none rw`
  t.same(cgroupMounts([line('/', '/sys/fs/cgroup/x\\040y'), line('/', '/c', 'cgroup')].join('\n')), [
    { at: '/sys/fs/cgroup/x y', root: '/' },
  ])
  const cases: [mounts: string, cgroup: string, string | undefined][] = [
    [line('/', '/sys/fs/cgroup'), '0::/', '/sys/fs/cgroup'],
    [line('/', '/c'), '1:cpu:/\n0::/user.slice/a.scope\n', '/c/user.slice/a.scope'],
    [line('/docker/1', '/c'), '0::/docker/1/agents', '/c/agents'],
    [line('/docker/1', '/c'), '0::/docker/12', undefined],
    [line('/', '/c'), '0::/../outside', undefined],
    [line('/', '/c'), '0::/gone (deleted)', undefined],
    [line('/', '/c'), '4:cpu:/a', undefined],
    [line('/', '/c', 'cgroup'), '0::/', undefined],
  ]
  for (const [mounts, cgroup, folder] of cases) t.equal(ownFolder(mounts, cgroup), folder, cgroup)
  const name = `reeve-1-2-3-${'a'.repeat(32)}`
  t.equal(outsideOf(`/c/x/${name}/sub/${name}`), '/c/x')
  t.equal(outsideOf('/c/reeve-else'), undefined)
})

t.test('only what is sure to be executed goes through a shell', async (t) => {
  const folder = temporaryFolder(t)
  const file = (name: string, text: string | Buffer, mode = 0o755) => {
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
    return join(folder, name)
  }
  const node = readFileSync(process.execPath).subarray(0, 4096)
  const foreign = Buffer.from(node)
  foreign.writeUInt16LE(foreign.readUInt16LE(18) ^ 1, 18)
  const sure = (program: string, PATH = process.env.PATH ?? '') =>
    isSurelyExecuted({ command: [program], cwd: folder, env: { PATH } })
  for (const program of [process.execPath, 'sh', file('ok', '#!/bin/sh\n'), './ok', file('bare', 'echo\n')])
    t.equal(await sure(program), true, program)
  t.equal(await sure('ok', '.'), true, 'by a folder of PATH that is relative to cwd')
  const unsure = ['', '-c', 'no-such-program', folder, file('plain', 'x', 0o644), file('empty', ''), './none']
  const broken = [
    file('gone', '#!/no/such/shell\n'),
    file('machine', foreign),
    file('bytes', Buffer.from([1, 0, 2])),
  ]
  for (const program of [...unsure, ...broken]) t.equal(await sure(program), false, program)
  t.equal(await sure('sh', ''), false, 'without a PATH')
})
