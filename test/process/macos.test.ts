/** macOS, by what its `ps` and `sysctl` say: recordings in their formats, for no such machine is at hand. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SteppingClock } from '../../src/clock.ts'
import { Census } from '../../src/process/census.ts'
import { isDead } from '../../src/process/identity.ts'
import { markersIn } from '../../src/process/marker-pass.ts'
import { type Ask, macProcesses } from '../../src/process/proc-darwin.ts'
import { bootSecond, cpuTicks, environmentIn, parseCommands, parseTable } from '../../src/process/ps.ts'
import { fixture } from './rig.ts'

const recorded = (name: string): string => readFileSync(join(fixture('macos'), name), 'utf8')
const TABLE = recorded('ps-table.txt')
const MARKER = '0123456789abcdef0123456789abcdef'
const PS_PID = 4200

const answer = (stdout: string, status = 0, stderr = '') => ({
  status,
  stdout,
  stderr,
  pid: PS_PID,
})

/** Says what was recorded, and remembers what it was asked. */
function recording(): { ask: Ask; asked: string[] } {
  const asked: string[] = []
  const ask: Ask = (program, args) => {
    const line = [program, ...args].join(' ')
    asked.push(line)
    if (line === '/usr/sbin/sysctl -n kern.bootsessionuuid')
      return answer('5C4B7A39-0000-4B1E-9B7A-2D1F9C1A0B11\n')
    const pid = args.includes('-p') ? args.at(-1) : undefined
    const text = line.includes('-wwE')
      ? recorded('ps-commands-environment.txt')
      : line.includes('command=')
        ? recorded('ps-commands.txt')
        : TABLE
    const lines = text.split('\n').filter((each) => pid === undefined || each.trim().startsWith(`${pid} `))
    return lines.length === 0 ? answer('', 1) : answer(`${lines.join('\n')}\n`)
  }
  return { ask, asked }
}

t.test('a table of ps: names with spaces, days of one digit, zombies, users below zero', async (t) => {
  const rows = parseTable(TABLE)
  t.equal(rows.length, 9)
  const at = (pid: number) => rows.find((row) => row.pid === pid)
  t.match(at(345), {
    ppid: 1,
    pgrp: 345,
    session: 345,
    uid: 501,
    state: 'S',
    comm: 'Electron',
    rssPages: 88_432,
    utime: (123 * 60 + 45.67) * 100,
    startTime: Date.UTC(2025, 10, 1, 7, 16, 11) / 10,
  })
  t.equal(at(601)?.uid, 2 ** 32 - 2, 'nobody')
  const zombie = at(4104)
  t.ok(zombie && isDead(zombie), 'a zombie is dead')
  t.equal(zombie?.startTime, 0)
  t.strictSame(['0:00.02', '1:02:03', '2-03:04:05', '-'].map(cpuTicks), [2, 372_300, 18_384_500, 0])
  t.strictSame(parseTable('ps: some warning\n\n'), [])
})

t.test('an environment is what stands behind the command, and not what the command says', async (t) => {
  const without = parseCommands(recorded('ps-commands.txt'))
  const withIt = parseCommands(recorded('ps-commands-environment.txt'))
  const of = (pid: number) => environmentIn(withIt.get(pid) ?? '', without.get(pid) ?? '\0')
  t.strictSame([...markersIn(of(4103) as Buffer)], [MARKER], 'an argument that looks like one is none')
  t.match(of(4100)?.toString(), 'USER=ada\0PATH=')
  t.equal(of(4101), undefined, 'a program of the system tells nothing')
  t.equal(of(9999), undefined)
  t.equal(environmentIn('other command A=1', 'command'), undefined, 'it became another between the two looks')
  t.equal(parseCommands(' 7 sh -c echo\nmore\n').get(7), 'sh -c echo\nmore')
})

t.test('one look at all serves a moment, a look at one is always a new one', async (t) => {
  const clock = new SteppingClock()
  const { ask, asked } = recording()
  const mac = macProcesses(ask, clock)
  t.match(mac.statOf(4102), { pid: 4102, ppid: 4101 })
  t.equal(mac.statOf(31), undefined, 'gone')
  t.equal(mac.uidOf(1), 0)
  asked.length = 0
  t.strictSame(mac.childrenOf(4101, 1), [4102, 4104])
  t.strictSame(mac.childrenOf(4100, 1), [4101], 'what was started to look is no child')
  t.equal(asked.length, 1)
  clock.advance(100)
  mac.childrenOf(4101, 1)
  t.equal(asked.length, 2)
  mac.statOf(4102)
  mac.statOf(4102)
  t.equal(asked.length, 4)
  t.match(
    asked[3],
    /^\/bin\/ps -ww -o pid= -o ppid= .* -o comm= -p 4102$/,
    'a header would swallow the next column',
  )
  t.equal(mac.bootId(), '5C4B7A39-0000-4B1E-9B7A-2D1F9C1A0B11')
  t.notOk(mac.allPids().includes(PS_PID))
})

t.test('a census, and the hunt for a marker, take a look at all and one at their environments', async (t) => {
  const { ask, asked } = recording()
  const glance = macProcesses(ask).glance()
  const census = await Census.take(glance)
  t.strictSame(
    census.childrenOf(4101).map(({ pid }) => pid),
    [4102],
    'the dead are none',
  )
  t.strictSame(
    census.inSession(4101).map(({ pid }) => pid),
    [4101, 4102],
  )
  t.equal(asked.length, 1)
  const carriers = glance.pids.filter((pid) =>
    [...markersIn(glance.environ(pid) ?? Buffer.alloc(0))].includes(MARKER),
  )
  t.strictSame(carriers, [4103])
  t.equal(glance.uid(4103), 501)
  t.equal(asked.length, 3)
})

t.test('a ps that fails is no death', async (t) => {
  const failing = (stdout: string, status: number | null, stderr: string) =>
    macProcesses(() => answer(stdout, status as number, stderr))
  t.throws(() => failing('', 1, 'ps: fork failed').statOf(1), /fork failed/)
  t.throws(() => failing('', null, '').statOf(1), /status null/)
  t.throws(() => macProcesses(() => ({ ...answer(''), error: new Error('EAGAIN') })).statOf(1), /EAGAIN/)
  t.throws(() => failing('', 1, 'unknown oid').bootId(), /does not tell/)
})

t.test('where the boot has no id of its own, its second stands for it', async (t) => {
  t.equal(bootSecond(recorded('sysctl-boottime.txt')), '1761981302')
  const mac = macProcesses((_, args) =>
    args.includes('kern.boottime') ? answer(recorded('sysctl-boottime.txt')) : answer('', 1, 'unknown oid'),
  )
  t.equal(mac.bootId(), '1761981302')
})
