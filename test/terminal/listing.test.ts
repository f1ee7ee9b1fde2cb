import t from 'tap'
import type { AgentRecord } from '../../src/registry/record.ts'
import { listing } from '../../src/terminal/listing.ts'
import { plain, plainLine } from '../../src/terminal/plain.ts'
import { screenOf } from '../../src/terminal/screen.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const before = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString()

const record = (given: Partial<AgentRecord>): AgentRecord => ({
  id: 'a1',
  name: 'coder',
  state: 'running',
  alive: true,
  activity: { kind: 'working' },
  group: null,
  incarnation: 1,
  restarts: 0,
  supervisorId: 's',
  host: 'h',
  pid: 41210,
  startTime: 1,
  bootId: 'b',
  createdAt: before(721),
  startedAt: before(720),
  endedAt: null,
  lastHeartbeatAt: before(2),
  exit: null,
  reason: null,
  error: null,
  escaped: [],
  evidence: null,
  cleanupErrors: [],
  usage: null,
  task: 'TASK-31-1',
  lane: null,
  spawner: null,
  labels: {},
  command: ['claude'],
  cwd: '/',
  logFile: '/x.log',
  ...given,
})

const ASKED = record({ evidence: { extendMs: 300_000, extendedUntil: before(-60) } })

t.test('what it waits for and until when, and the time it asked for while that lasts', async (t) => {
  const whyAt = (of: AgentRecord, now: number) =>
    listing([of], { screen: { width: undefined, colour: false }, now })
      .split('\t')
      .at(-1)
  const until = before(-60)
  const waiting = record({ activity: { kind: 'waiting', on: 'rate_limit', until } })
  t.equal(whyAt(waiting, NOW), `rate_limit until ${until}`)
  t.equal(whyAt(ASKED, NOW), 'asked for 1m more')
  t.equal(whyAt(ASKED, NOW + 60_000), '')
})

const CREW = [
  record({}),
  record({
    id: 'a2',
    name: 'reviewer',
    activity: { kind: 'waiting', on: 'permission', message: 'run `rm -rf build`' },
  }),
  record({ id: 'a3', name: 'planner', state: 'stalling', evidence: { silentMs: 121_000, limitMs: 120_000 } }),
  record({
    id: 'a4',
    name: 'tester',
    state: 'restarting',
    alive: false,
    pid: null,
    endedAt: before(1),
    exit: { code: 137, signal: null },
    evidence: { delayMs: 5_000, attempt: 4, attempts: 5 },
    restarts: 3,
  }),
  record({
    id: 'a5',
    name: 'ghost',
    state: 'crashed',
    alive: false,
    pid: null,
    endedAt: before(10),
    error: { code: 'spawn_failed', message: '/opt/ghost does not exist', errno: 'ENOENT' },
  }),
]

t.test(
  'a table that fits a terminal of any width, with the name, the state, the pid and the why',
  async (t) => {
    for (const width of [40, 60, 80, 120, 200]) {
      const lines = listing(CREW, { screen: { width, colour: false }, now: NOW }).split('\n')
      t.equal(lines.length, CREW.length + 1)
      t.ok(
        lines.every((line) => line.length <= width),
        `within ${width} columns`,
      )
      t.match(lines[0], /^NAME +STATE .*PID .*WHY/)
      t.match(lines[1], /^coder +● running/)
      t.match(lines[2], /^reviewer +● waiting .*permis/)
      t.match(lines[4], /^tester +↻ restarting/)
    }
  },
)

t.test('on a wide one nothing is left out, and each state says why', async (t) => {
  const table = listing(CREW, {
    screen: { width: 200, colour: false },
    now: NOW,
    measured: new Map([['a1', { cpuPercent: 33.6, memoryMb: 412.2 }]]),
  })
  const [head, coder, reviewer, planner, tester, ghost] = table.split('\n')
  t.match(head, /^NAME +STATE +FOR +PID +BEAT +CPU +MEM +RESTARTS +TASK +WHY$/)
  t.match(coder, /● running +12m +41210 +2s +34 % +412 MB +0 +TASK-31-1$/)
  t.match(reviewer, /permission: run `rm -rf build`$/)
  t.match(planner, /◐ stalling .* silent 2m 1s \(limit 2m\)$/)
  t.match(tester, /in 4s +– .* 3 +TASK-31-1 +exit 137 · try 4 of 5$/)
  t.match(ghost, /✗ crashed +10s ago .* spawn_failed: \/opt\/ghost does not exist$/)
})

t.test('a column for groups stands there when someone is in one', async (t) => {
  const screen = { width: 200, colour: false }
  t.notMatch(listing(CREW, { screen, now: NOW }), /GROUP/)
  const [head, first, second] = listing([record({}), record({ group: 'crew/inner' })], {
    screen,
    now: NOW,
  }).split('\n')
  t.match(head, /RESTARTS +GROUP +TASK +WHY$/)
  t.match(first, / 0 +TASK-31-1$/)
  t.match(second, / 0 +crew\/inner +TASK-31-1$/)
})

t.test('through a pipe: tabs, no symbols, no colour, nothing cut', async (t) => {
  const long = record({ name: 'n'.repeat(128), state: 'stalling' })
  const lines = listing([...CREW, long], { screen: screenOf(process.stdin as never), now: NOW }).split('\n')
  t.strictSame(lines[0]?.split('\t').slice(0, 4), ['NAME', 'STATE', 'FOR', 'PID'])
  t.equal(lines[1]?.split('\t')[1], 'running')
  t.equal(lines.at(-1)?.split('\t')[0], long.name)
  t.ok(lines.every((line) => line.split('\t').length === lines[0]?.split('\t').length))
})

t.test('a name in wide characters keeps the columns straight', async (t) => {
  const [head = '', wide = ''] = listing([record({ name: '検査官' })], {
    screen: { width: 100, colour: false },
    now: NOW,
  }).split('\n')
  t.equal(head.indexOf('STATE'), wide.indexOf('●') + 3, 'three characters, six columns')
})

t.test('what an agent writes moves no cursor, rings no bell, hides nothing', async (t) => {
  const hostile = '\u001b[2J\u001b]0;owned\u0007red\u001b[31m\r\nnext\u202e\u009b1A\ttab'
  t.equal(plainLine(hostile), 'rednext\ttab')
  t.equal(plain(hostile), 'red next tab')
  const table = listing([record({ activity: { kind: 'waiting', on: 'permission', message: hostile } })], {
    screen: { width: 200, colour: false },
    now: NOW,
  })
  t.equal(table.split('\n').length, 2)
  t.notOk(table.includes('\u001b') || table.includes('\u0007'))
})

t.test('colour only on a terminal, and not when NO_COLOR or a dumb terminal says no', async (t) => {
  const tty = { isTTY: true, columns: 90 } as never
  t.strictSame(screenOf(tty, {}), { width: 90, colour: true })
  t.strictSame(screenOf(tty, { NO_COLOR: '1' }), { width: 90, colour: false })
  t.strictSame(screenOf(tty, { TERM: 'dumb' }), { width: 90, colour: false })
  t.strictSame(screenOf({} as never, {}), { width: undefined, colour: false })
  const coloured = listing(CREW, { screen: { width: 120, colour: true }, now: NOW })
  t.ok(coloured.includes('\u001b[32m● running\u001b[39m'))
})
