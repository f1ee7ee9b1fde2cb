import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type LifeAddress, lifeKey } from '../../machines/events.ts'
import { realClock, SteppingClock } from '../../src/clock.ts'
import type { Report } from '../../src/health/report.ts'
import { Reports, type ReportsOptions } from '../../src/health/reports.ts'

const MIB = 1024 * 1024
const coder: LifeAddress = { agentId: 'coder', incarnation: 1 }
const other: LifeAddress = { agentId: 'other', incarnation: 7 }

/** A watch that tells of nothing: inotify at its worst. */
const deafWatch = () => ({ on: () => {}, close: () => {} })

function setUp(t: Test, over: Partial<ReportsOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'reeve-reports-'))
  const told: { who: string; report: Report; offset: number }[] = []
  const rejected: string[] = []
  const troubles: string[] = []
  const reports = new Reports({
    dir,
    clock: realClock,
    onReport: (life, report, offset) => told.push({ who: lifeKey(life), report, offset }),
    onRejected: (life, cause) => rejected.push(`${lifeKey(life)}: ${cause}`),
    onTrouble: (message) => troubles.push(message),
    ...over,
  })
  t.teardown(() => {
    reports.close()
    rmSync(dir, { recursive: true })
  })
  const types = (life = coder) =>
    told.filter(({ who }) => who === lifeKey(life)).map(({ report }) => report.type)
  return { dir, told, rejected, troubles, reports, types }
}

/** A life begins, and its launcher makes the file. */
function begin(reports: Reports, life: LifeAddress): string {
  const path = reports.expect(life)
  closeSync(openSync(path, 'wx', 0o600))
  return path
}

/** Reads all that is there: in one turn it reads for 3 ms at most, which pass quickly where others run too. */
function drained(reports: Reports, life: LifeAddress): void {
  while (!reports.drain(life));
}

const until = async (t: Test, what: string, condition: () => boolean, withinMs = 30_000): Promise<void> => {
  const endMs = performance.now() + withinMs
  while (!condition() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 1))
  t.ok(condition(), what)
}
const turns = async (count = 10): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
/** Watches how long the loop is ever held, in CPU time, until asked: what others hold it for is not ours. */
const holdUps = () => {
  let before = process.cpuUsage()
  let longestMs = 0
  let on = true
  const look = (): void => {
    const { user, system } = process.cpuUsage(before)
    before = process.cpuUsage()
    longestMs = Math.max(longestMs, (user + system) / 1000)
    if (on) setImmediate(look)
  }
  setImmediate(look)
  return () => {
    on = false
    return longestMs
  }
}
const openIn = (dir: string): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${dir}/`)
    } catch {
      return false // the listing's own
    }
  }).length

t.test('a file named by id and incarnation, that any shell can report to', async (t) => {
  const { dir, reports, told } = setUp(t)
  const path = begin(reports, coder)
  t.equal(path, join(dir, 'coder.1'))
  execFileSync('sh', ['-c', 'echo ready >> "$0"; echo \'{"type":"usage","turns":1}\' >> "$0"', path])
  await until(t, 'heard', () => told.length === 2)
  t.same(told, [
    { who: 'coder.1', report: { type: 'ready' }, offset: 6 },
    { who: 'coder.1', report: { type: 'usage', turns: 1 }, offset: 33 },
  ])
})

t.test('what another run left at the path is removed', async (t) => {
  const { dir, reports, types } = setUp(t, { clock: new SteppingClock() })
  writeFileSync(join(dir, 'coder.1'), 'beat\n')
  mkdirSync(join(dir, 'other.7'))
  writeFileSync(join(dir, 'other.7', 'x'), '')
  for (const life of [coder, other]) {
    const path = begin(reports, life)
    t.ok(lstatSync(path).isFile())
    t.ok(reports.drain(life))
  }
  t.same(types(), [])
})

t.test('drain reads at once, end reads the rest and unlinks', async (t) => {
  const { dir, reports, types } = setUp(t, { watch: deafWatch, clock: new SteppingClock() })
  const path = begin(reports, coder)
  appendFileSync(path, 'beat\nidle\n')
  t.equal(reports.drain(coder), true)
  t.same(types(), ['beat', 'idle'])
  appendFileSync(path, 'working\n{"type":"result","value":1}')
  t.equal(openIn(dir), 1)
  await reports.end(coder)
  t.same(types(), ['beat', 'idle', 'working', 'result'], 'also a last line without newline')
  t.notOk(existsSync(path))
  t.equal(openIn(dir), 0)
  t.equal(reports.drain(coder), true)
  t.equal(reports.counts(coder), undefined)
  await reports.end(coder)
})

t.test('malformed lines, blank ones, binary, NULs and half lines', async (t) => {
  const { reports, told, types } = setUp(t, { watch: deafWatch })
  const path = begin(reports, coder)
  appendFileSync(path, 'nonsense\n\n\r\n{"type":"waiting"}\n{{{\nbeat\r\n')
  appendFileSync(path, Buffer.from([0, 0, 0xff, 0xfe, 0x80, 0x0a, 0, 0x0a]))
  appendFileSync(path, '{"type":"us')
  drained(reports, coder)
  t.same(types(), ['beat'])
  t.same(reports.counts(coder), { malformed: 5, lost: 0, rejected: 0 })
  appendFileSync(path, 'age","tokens":5')
  drained(reports, coder)
  t.same(types(), ['beat'])
  appendFileSync(path, '}\nready\n')
  drained(reports, coder)
  t.same(types(), ['beat', 'usage', 'ready'])
  t.equal(told.at(-1)?.offset, lstatSync(path).size)
})

t.test('a line of 16 KiB is read, a longer one is counted and skipped', async (t) => {
  const { reports, types } = setUp(t, { watch: deafWatch })
  const path = begin(reports, coder)
  const result = (bytes: number) => `{"type":"result","value":"${'x'.repeat(bytes - 28)}"}`
  t.equal(result(100).length, 100)
  appendFileSync(path, `${result(16 * 1024)}\n${result(16 * 1024 + 1)}\n`)
  appendFileSync(path, `${'y'.repeat(300_000)}`)
  drained(reports, coder)
  t.same(types(), ['result'])
  appendFileSync(path, `${'y'.repeat(300_000)}`)
  drained(reports, coder)
  appendFileSync(path, '\nbeat\n')
  drained(reports, coder)
  t.same(types(), ['result', 'beat'])
  t.same(reports.counts(coder), { malformed: 2, lost: 0, rejected: 0 })
})

t.test('truncated: from the start; written over: a sign of life', async (t) => {
  const { reports, types } = setUp(t, { watch: deafWatch })
  const path = begin(reports, coder)
  appendFileSync(path, 'ready\nworking\n')
  drained(reports, coder)
  writeFileSync(path, 'idle\n')
  drained(reports, coder)
  t.same(types(), ['ready', 'working', 'idle'])
  utimesSync(path, new Date(), new Date(Date.now() - 5000))
  drained(reports, coder)
  t.same(types(), ['ready', 'working', 'idle', 'beat'], '`>` in place of `>>`, with as many bytes')
  drained(reports, coder)
  truncateSync(path)
  drained(reports, coder)
  t.equal(types().length, 4)
  appendFileSync(path, 'usage\n')
  drained(reports, coder)
  t.equal(types().at(-1), 'usage')
})

t.test(
  'deleted: no trouble; made anew, replaced, moved away: the new one is read, the old one to its end',
  async (t) => {
    const { reports, types, rejected, troubles } = setUp(t, { watch: deafWatch })
    const path = begin(reports, coder)
    appendFileSync(path, 'ready\n')
    drained(reports, coder)
    appendFileSync(path, 'beat\n')
    unlinkSync(path)
    drained(reports, coder)
    t.same(types(), ['ready', 'beat'], 'what was written before is not lost')
    drained(reports, coder)
    writeFileSync(path, 'idle\nidle\nidle\n')
    drained(reports, coder)
    t.same(types().slice(2), ['idle', 'idle', 'idle'], 'the same inode number may be another file')

    appendFileSync(path, 'beat\n')
    writeFileSync(`${path}.new`, 'working\nworking\nworking\n')
    renameSync(`${path}.new`, path)
    drained(reports, coder)
    t.same(types().slice(5), ['beat', 'working', 'working', 'working'])

    renameSync(path, `${path}.away`)
    drained(reports, coder)
    renameSync(`${path}.away`, path)
    appendFileSync(path, 'usage\n')
    drained(reports, coder)
    t.same(types().slice(9), ['usage'], 'moved away and back it is the same: nothing is charged twice')
    t.same([rejected, troubles], [[], []])
  },
)

t.test('the same through the watch alone, without a sweep', async (t) => {
  const { reports, types } = setUp(t, { clock: new SteppingClock() })
  const path = begin(reports, coder)
  appendFileSync(path, 'ready\n')
  await until(t, 'ready', () => types().length === 1)
  unlinkSync(path)
  writeFileSync(path, 'idle\nbeat\n')
  await until(t, 'made anew', () => types().length === 3)
  writeFileSync(`${path}.new`, 'working\nbeat\nbeat\nbeat\n')
  renameSync(`${path}.new`, path)
  await until(t, 'replaced', () => types().length === 7)
  appendFileSync(path, 'usage\n')
  await until(t, 'goes on', () => types().length === 8)
  t.same(types(), ['ready', 'idle', 'beat', 'working', 'beat', 'beat', 'beat', 'usage'])
})

const attacks: Record<string, { cause: string; make: (path: string, dir: string) => void }> = {
  'a FIFO': { cause: 'FIFO', make: (path) => execFileSync('mkfifo', [path]) },
  'a symbolic link': {
    cause: 'symbolic link',
    make: (path, dir) => {
      writeFileSync(join(dir, 'secret'), 'ready\n')
      symlinkSync(join(dir, 'secret'), path)
    },
  },
  'a symbolic link to nowhere': { cause: 'symbolic link', make: (path) => symlinkSync('/nowhere', path) },
  'a directory': { cause: 'directory', make: (path) => mkdirSync(join(path, 'sub'), { recursive: true }) },
  'a hard link': {
    cause: 'hard link',
    make: (path, dir) => {
      writeFileSync(join(dir, 'secret'), 'ready\n')
      linkSync(join(dir, 'secret'), path)
    },
  },
}
for (const [name, { cause, make }] of Object.entries(attacks))
  t.test(`${name} in its place is not read, does not block, and harms no neighbour`, async (t) => {
    const { dir, reports, types, rejected, troubles } = setUp(t, { watch: deafWatch })
    const path = begin(reports, coder)
    appendFileSync(begin(reports, other), 'ready\n')
    appendFileSync(path, 'beat\n')
    drained(reports, coder)
    unlinkSync(path)
    make(path, dir)
    for (let time = 0; time < 3; time += 1) drained(reports, coder)
    drained(reports, other)
    t.same(types(), ['beat'])
    t.same(types(other), ['ready'])
    t.same(rejected, [`coder.1: ${cause}`], 'told once')
    t.ok((reports.counts(coder)?.rejected ?? 0) >= 1)
    rmSync(path, { recursive: true })
    writeFileSync(path, 'idle\n')
    drained(reports, coder)
    t.same(types(), ['beat', 'idle'], 'a proper file again is read again')
    rmSync(path)
    make(path, dir)
    await reports.end(coder)
    t.notOk(lstatSync(path, { throwIfNoEntry: false }), 'removed at the end')
    t.same(troubles, [])
  })

t.test('a second name for the open file stops the reading until it is gone', async (t) => {
  const { dir, reports, types, rejected } = setUp(t, { watch: deafWatch })
  const path = begin(reports, coder)
  linkSync(path, join(dir, 'second'))
  appendFileSync(path, 'beat\n')
  drained(reports, coder)
  t.same([types(), rejected], [[], ['coder.1: hard link']])
  unlinkSync(join(dir, 'second'))
  drained(reports, coder)
  t.same(types(), ['beat'])
})

t.test(
  'a flood of 100 MB: bounded, its last line is heard, the neighbours too, the loop is free',
  async (t) => {
    const { reports, types, told } = setUp(t)
    const path = begin(reports, coder)
    const neighbours = Array.from({ length: 20 }, (_, at) => ({ agentId: `n${at}`, incarnation: 1 }))
    const paths = neighbours.map((life) => begin(reports, life))
    const noise = Buffer.from(`${'beat\n{"type":"usage","tokens":1}\nnoise\n'.repeat(30_000)}`).subarray(
      0,
      MIB,
    )
    const fd = openSync(path, 'a')
    for (let mib = 0; mib < 100; mib += 1) writeSync(fd, noise)
    writeSync(fd, '\n{"type":"result","value":"the end"}\n')
    closeSync(fd)
    const longest = holdUps()
    const startMs = performance.now()
    for (const one of paths) appendFileSync(one, 'ready\n')
    await until(
      t,
      'the neighbours are heard',
      () => told.filter(({ report }) => report.type === 'ready').length === neighbours.length,
    )
    const neighbourMs = performance.now() - startMs
    t.notOk(
      told.some(({ report }) => report.type === 'result'),
      'and not behind the flood',
    )
    await until(t, 'the last line is heard', () => told.at(-1)?.report.type === 'result')
    const heldMs = longest()
    t.comment(
      `neighbours after ${neighbourMs.toFixed(1)} ms, end after ${(performance.now() - startMs).toFixed(1)} ms, ` +
        `loop held ${heldMs.toFixed(1)} ms, lines ${types().length}`,
    )
    t.ok(heldMs < 1000, `${heldMs} ms`)
    const lost = reports.counts(coder)?.lost ?? 0
    t.ok(lost > 90 * MIB && lost < 100 * MIB, `${lost} bytes lost`)
    t.equal(told.findLast(({ who }) => who === 'coder.1')?.offset, lstatSync(path).size)
    await reports.end(coder)
    t.notOk(existsSync(path))
  },
)

t.test('a flood without a newline does not hide the last complete line before it', async (t) => {
  const { reports, types } = setUp(t, { watch: deafWatch })
  const path = begin(reports, coder)
  const fd = openSync(path, 'a')
  for (let mib = 0; mib < 10; mib += 1) writeSync(fd, Buffer.alloc(1_000_000, 'beat\nidle\n'))
  writeSync(fd, '\nworking\n')
  for (let mib = 0; mib < 30; mib += 1) writeSync(fd, Buffer.alloc(MIB, 0xee))
  drained(reports, coder)
  await until(t, 'heard', () => types().at(-1) === 'working')
  await turns(50)
  writeSync(fd, '\nready\n')
  drained(reports, coder)
  await until(t, 'and the next one', () => types().at(-1) === 'ready')
  t.equal(reports.counts(coder)?.malformed, 1)
  closeSync(fd)
})

t.test('a life that ends in a flood is read to its last line', async (t) => {
  const { reports, types } = setUp(t)
  const path = begin(reports, coder)
  const fd = openSync(path, 'a')
  for (let mib = 0; mib < 40; mib += 1) writeSync(fd, Buffer.alloc(MIB, 'beat\nidle\n'))
  writeSync(fd, '\nready\nworking')
  closeSync(fd)
  const longest = holdUps()
  await reports.end(coder)
  t.same(types().slice(-2), ['ready', 'working'])
  t.notOk(existsSync(path))
  t.ok(longest() < 1000)
})

t.test('usage is told exactly once, whatever comes in between', async (t) => {
  const { reports, told } = setUp(t)
  const path = begin(reports, coder)
  let written = 0
  const offsets = new Set<number>()
  for (let round = 0; round < 200; round += 1) {
    const line = `{"type":"usage","tokens":${round}}\n`
    const cut = round % line.length
    appendFileSync(path, line.slice(0, cut))
    if (round % 3 === 0) await turns(1)
    if (round % 5 === 0) reports.sweep()
    if (round % 7 === 0) reports.drain(coder)
    appendFileSync(path, line.slice(cut))
    written += 1
  }
  await until(t, 'all told', () => told.length >= written)
  await turns(20)
  t.same(
    told.map(({ report }) => report),
    Array.from({ length: 200 }, (_, tokens) => ({ type: 'usage', tokens })),
  )
  for (const { offset } of told) offsets.add(offset)
  t.equal(offsets.size, written)
})

t.test('a successor goes on behind the offset that was committed', async (t) => {
  const first = setUp(t)
  const path = begin(first.reports, coder)
  appendFileSync(path, '{"type":"usage","turns":1}\n')
  first.reports.drain(coder)
  const offset = first.told[0]?.offset ?? 0
  first.reports.close()
  t.ok(existsSync(path))
  appendFileSync(path, '{"type":"usage","turns":2}\n')
  const second = setUp(t, { dir: first.dir })
  t.equal(second.reports.adopt(coder, offset), path)
  await until(t, 'heard', () => second.told.length === 1)
  t.same(second.told[0]?.report, { type: 'usage', turns: 2 })
  appendFileSync(path, 'beat\n')
  await until(t, 'watched', () => second.told.length === 2)
})

t.test('the sweep heals what the watch dropped, once a second', async (t) => {
  const clock = new SteppingClock()
  const { reports, types, troubles } = setUp(t, { clock, watch: deafWatch })
  const path = begin(reports, coder)
  appendFileSync(path, 'ready\n')
  clock.advance(999)
  await turns()
  t.same(types(), [])
  clock.advance(1)
  await turns()
  t.same(types(), ['ready'])
  appendFileSync(path, 'beat\n')
  reports.sweep()
  await turns()
  t.same(types(), ['ready', 'beat'], 'and on demand')
  await reports.end(coder)
  t.equal(clock.pending, 0, 'without files no timer')
  t.same(troubles, [])
})

t.test('without a watch the sweep is quicker, and it is told once', async (t) => {
  const clock = new SteppingClock()
  const { reports, types, troubles } = setUp(t, {
    clock,
    watch: () => {
      throw Object.assign(new Error('watch'), { code: 'ENOSPC' })
    },
  })
  const path = begin(reports, coder)
  appendFileSync(path, 'ready\n')
  clock.advance(100)
  await turns()
  t.same(types(), ['ready'])
  clock.advance(60_000)
  await turns()
  begin(reports, other)
  t.equal(troubles.length, 1)
  t.match(troubles[0], /polled/)
})

t.test('a watch that fails later', async (t) => {
  const clock = new SteppingClock()
  let fail: (cause: Error) => void = () => {}
  let watches = 0
  const { reports, types, troubles } = setUp(t, {
    clock,
    watch: () => {
      watches += 1
      return {
        on: (_, listener) => {
          fail = listener
        },
        close: () => {},
      }
    },
  })
  const path = begin(reports, coder)
  fail(new Error('gone'))
  appendFileSync(path, 'ready\n')
  clock.advance(100)
  await turns()
  t.same(types(), ['ready'])
  t.equal(troubles.length, 1)
  t.equal(watches, 1)
  clock.advance(30_000)
  t.equal(watches, 2, 'it is tried again')
})

t.test(
  'a listener that throws stops nothing; one that drains or ends from within does no harm',
  async (t) => {
    const seen: string[] = []
    const { reports, troubles } = setUp(t, {
      watch: deafWatch,
      onReport: (life, report) => {
        seen.push(`${lifeKey(life)} ${report.type}`)
        if (report.type === 'beat') throw new Error('listener')
        if (report.type === 'idle') {
          reports.drain(coder)
          reports.drain(other)
        }
        if (report.type === 'stopping') void reports.end(coder)
      },
    })
    const path = begin(reports, coder)
    appendFileSync(begin(reports, other), 'ready\n')
    appendFileSync(
      path,
      `beat\nidle\nusage\nstopping\n${' '.repeat(9000)}\n`.concat(
        `${' '.repeat(9000)}\n`.repeat(9),
        'working\n',
      ),
    )
    reports.drain(coder)
    await turns()
    t.same(seen, [
      'coder.1 beat',
      'coder.1 idle',
      'other.7 ready',
      'coder.1 usage',
      'coder.1 stopping',
      'coder.1 working',
    ])
    t.equal(troubles.length, 1)
    t.equal(reports.counts(coder), undefined)
    t.notOk(existsSync(path))
  },
)

t.test('many files: round and round, none is left out', async (t) => {
  const { reports, told } = setUp(t)
  const lives = Array.from({ length: 300 }, (_, at) => ({ agentId: `a${at}`, incarnation: 1 }))
  const paths = lives.map((life) => begin(reports, life))
  for (let round = 0; round < 5; round += 1) for (const path of paths) appendFileSync(path, 'beat\n')
  await until(t, 'all told', () => told.length === 1500)
  await turns()
  t.equal(told.length, 1500)
  await Promise.all(lives.map((life) => reports.end(life)))
})

t.test('it holds neither the event loop nor descriptors', async (t) => {
  const module = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
  const dir = mkdtempSync(join(tmpdir(), 'reeve-reports-'))
  const script = `
    import { Reports } from ${module('health/reports.js')}
    import { realClock } from ${module('clock.js')}
    const nothing = () => {}
    new Reports({ dir: ${JSON.stringify(dir)}, clock: realClock, onReport: nothing, onRejected: nothing, onTrouble: nothing })
      .expect({ agentId: 'a', incarnation: 1 })`
  execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 8000 })
  t.notOk(existsSync(join(dir, 'a.1')), 'the file itself is made by whoever forks')
  rmSync(dir, { recursive: true })
})
