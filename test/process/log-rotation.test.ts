/** One log, rotated step by step; what a crash leaves at each point is laid out by hand. */
import {
  appendFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { realClock } from '../../src/clock.ts'
import { type PunchHole, punchBy } from '../../src/process/log-hole.ts'
import { type LogLimits, LogRotation } from '../../src/process/log-rotation.ts'
import { logLook, logSize, type ReadLogOptions, readLog } from '../../src/process/logs.ts'
import { folder, hold, WIDTH } from './log-flood.ts'

hold(t)

const KB = 1024
const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${String(from + i).padStart(WIDTH - 1, '0')}\n`).join('')
const numbers = async (log: string, since: number | 'start' = 'start'): Promise<number[]> => {
  const lines: number[] = []
  for await (const line of readLog(log, { from: since })) lines.push(Number(line))
  return lines
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
const rotationOf = (log: string, limits: LogLimits, punch: PunchHole = punchBy(realClock)): LogRotation =>
  new LogRotation(log, limits, { clock: realClock, punch, stopped: () => false })
const unsupported: PunchHole = async () => ({ result: 'unsupported', message: 'no holes here' })
const blocks = (log: string): number => statSync(log).blocks * 512
const LIMITS = { maxBytes: 64 * KB, keep: 3 }
/** Lines that fill a part. */
const PART = Math.floor((64 * KB) / WIDTH)

/** A log with three older files and a live part, whose lines are numbered from 0. */
async function rotated(t: Test, punch?: PunchHole): Promise<{ log: string; lines: number }> {
  const log = join(folder(t), 'a.log')
  const rotation = rotationOf(log, LIMITS, punch)
  for (let part = 0; part < 3; part++) {
    appendFileSync(log, numbered(part * 700, (part + 1) * 700), { mode: 0o600 })
    await rotation.pass()
  }
  return { log, lines: 2100 }
}

t.test('the oldest live part goes to .1, older ones up, and the log takes no more room', async (t) => {
  const { log, lines } = await rotated(t)
  t.same(await numbers(log), range(0, lines))
  t.same(
    [1, 2, 3].map((number) => readFileSync(`${log}.${number}`, 'utf8')),
    [numbered(2 * PART, 3 * PART), numbered(PART, 2 * PART), numbered(0, PART)],
    'whole lines, in files that anyone can read',
  )
  t.equal(statSync(log).size, lines * WIDTH, 'its apparent size goes on')
  t.ok(blocks(log) <= 64 * KB, `${blocks(log)} bytes of blocks`)
  for (const file of ['.1', '.2', '.3', '.offset']) t.equal(statSync(log + file).mode & 0o777, 0o600, file)
  const zeros = readFileSync(log).subarray(0, 3 * PART * WIDTH)
  t.ok(
    zeros.every((byte) => byte === 0),
    'what was copied is a hole',
  )
  t.equal(existsSync(`${log}.4`) || existsSync(`${log}.next`) || existsSync(`${log}.offset.next`), false)
})

t.test('the oldest is dropped; an offset older than all that is kept means the oldest', async (t) => {
  const { log } = await rotated(t)
  const rotation = rotationOf(log, LIMITS)
  appendFileSync(log, numbered(2100, 2800))
  t.equal(rotation.isDue(statSync(log)), true)
  await rotation.pass()
  t.equal(rotation.isDue(statSync(log)), false)
  t.same(await numbers(log), range(PART, 2800))
  t.same(await numbers(log, 0), range(PART, 2800))
  for (const line of [PART, PART + 7, 2 * PART - 1, 2 * PART, 3 * PART + 1, 4 * PART, 2799])
    t.same(await numbers(log, line * WIDTH), range(line, 2800), `from line ${line}`)
  t.same(await numbers(log, 2800 * WIDTH), [])
  t.equal(logSize(log), 2800 * WIDTH)
  t.equal((await logLook(log)).size, 2800 * WIDTH)
})

t.test('keep 0: nothing but the live part', async (t) => {
  const log = join(folder(t), 'a.log')
  writeFileSync(log, numbered(0, 1500))
  await rotationOf(log, { ...LIMITS, keep: 0 }).pass()
  t.same(await numbers(log), range(1310, 1500))
  t.ok(blocks(log) <= 64 * KB)
  t.equal(existsSync(`${log}.1`), false)
})

t.test('more than can be kept is not copied first', async (t) => {
  const log = join(folder(t), 'a.log')
  writeFileSync(log, numbered(0, 20_000))
  await rotationOf(log, LIMITS).pass()
  const kept = await numbers(log)
  t.same(kept, range(kept[0] as number, 20_000))
  t.ok(kept.length > 3 * PART - 10 && kept.length < 5 * PART, String(kept.length))
  t.ok(blocks(log) <= 128 * KB)
})

t.test('keep is reduced: what is too much goes at the next rotation', async (t) => {
  const { log } = await rotated(t)
  appendFileSync(log, numbered(2100, 2800))
  await rotationOf(log, { ...LIMITS, keep: 1 }).pass()
  t.same(await numbers(log), range(3 * PART, 2800))
  t.same(
    [1, 2, 3, 4].map((number) => existsSync(`${log}.${number}`)),
    [true, false, false, false],
  )
})

t.test('a line longer than a part is cut at a block, and read whole', async (t) => {
  const log = join(folder(t), 'a.log')
  const rotation = rotationOf(log, LIMITS)
  writeFileSync(log, `${'€'.repeat(50_000)}\nend\n`)
  await rotation.pass()
  t.equal(statSync(`${log}.2`).size % 4096, 0)
  const lines: string[] = []
  for await (const line of readLog(log)) lines.push(line)
  t.equal(lines.pop(), 'end')
  t.equal(lines.join(''), '€'.repeat(50_000))
})

t.test('SIGKILL, at each point: nothing is lost or doubled, and the next pass puts it right', async (t) => {
  const never: PunchHole = async () => ({ result: 'failed', message: 'killed' })
  const points: [string, (log: string) => void, PunchHole?][] = [
    ['while .next is copied', (log) => writeFileSync(`${log}.next`, numbered(1965, 1980))],
    ['while .offset is written', (log) => writeFileSync(`${log}.offset.next`, '{"log"')],
    [
      'before the files are renamed',
      (log) => {
        rmSync(`${log}.3`)
        renameSync(`${log}.1`, `${log}.next`)
        renameSync(`${log}.2`, `${log}.1`)
      },
    ],
    [
      'between two renames',
      (log) => {
        renameSync(`${log}.1`, `${log}.next`)
        renameSync(`${log}.2`, `${log}.1`)
      },
    ],
    ['before the last rename', (log) => renameSync(`${log}.1`, `${log}.next`)],
    ['before the hole', () => {}, never],
  ]
  for (const [point, crash, punch] of points)
    await t.test(point, async (t) => {
      const { log, lines } = await rotated(t, punch)
      const before = await numbers(log)
      crash(log)
      const lost = point === 'before the files are renamed' ? PART : 0
      const expected = before.filter((line) => line >= lost)
      t.same(await numbers(log), expected, 'as it is')
      appendFileSync(log, numbered(lines, lines + 700))
      await rotationOf(log, { ...LIMITS, keep: 9 }).pass()
      t.same(await numbers(log), [...expected, ...range(lines, lines + 700)], 'after the next pass')
      t.equal(existsSync(`${log}.next`), false)
      t.ok(blocks(log) <= 64 * KB, 'the hole is punched')
      t.same(readFileSync(`${log}.1`, 'utf8'), numbered(3 * PART, 4 * PART))
    })
})

t.test('without holes it is copied and truncated, and the loss is noted', async (t) => {
  const log = join(folder(t), 'a.log')
  const rotation = rotationOf(log, LIMITS, unsupported)
  writeFileSync(log, numbered(0, 700))
  const first = await rotation.pass()
  t.match(first, { again: true, punched: { result: 'unsupported' }, lost: 0 })
  t.same(await numbers(log), range(0, 700), 'not truncated yet')
  const second = await rotation.pass()
  t.ok(second.lost > 0 && second.lost < 100e6, String(second.lost))
  t.equal(statSync(log).size, 0)
  t.same(await numbers(log), range(0, 700))
  appendFileSync(log, numbered(700, 1500))
  t.same(await numbers(log), range(0, 1500))
  t.equal(logSize(log), 1500 * WIDTH, 'offsets go on')
  t.same(await numbers(log, 800 * WIDTH), range(800, 1500))
  await rotation.pass()
  t.same(await numbers(log, 600 * WIDTH), range(600, 1500))
  appendFileSync(log, numbered(1500, 1600))
  t.same(await numbers(log, 600 * WIDTH), range(600, 1600))
  await rotationOf(log, { ...LIMITS, keep: 0 }, unsupported).pass()
})

t.test('without holes, SIGKILL at each point', async (t) => {
  const stage = async (t: Test, copied: number, truncated: boolean) => {
    const log = join(folder(t), 'a.log')
    writeFileSync(log, numbered(0, 1000))
    writeFileSync(`${log}.next`, numbered(0, copied))
    const { ino, birthtimeMs: birth } = statSync(log)
    const next = statSync(`${log}.next`)
    const state = {
      log: { ino, birth },
      base: 0,
      kept: [{ ino: next.ino, birth: next.birthtimeMs, from: 0 }],
    }
    writeFileSync(`${log}.offset`, JSON.stringify(state))
    if (truncated) truncateSync(log)
    return log
  }
  for (const [point, copied, truncated] of [
    ['nothing copied', 0, false],
    ['half copied', 500, false],
    ['all copied', 1000, false],
    ['truncated', 1000, true],
  ] as const)
    await t.test(point, async (t) => {
      const log = await stage(t, copied, truncated)
      t.same(await numbers(log), range(0, 1000), 'as it is')
      t.equal(logSize(log), 1000 * WIDTH)
      const rotation = rotationOf(log, LIMITS, unsupported)
      rotation.truncates = true
      await rotation.pass()
      t.same(await numbers(log), range(0, 1000), 'after the next pass')
      appendFileSync(log, numbered(1000, 1100))
      t.same(await numbers(log), range(0, 1100))
    })
})

t.test('a reader in the middle of it goes on where it was', async (t) => {
  const started = async (log: string, lines: number, options: ReadLogOptions = {}) => {
    const reader = readLog(log, options)[Symbol.asyncIterator]()
    const got: number[] = []
    while (got.length < lines) got.push(Number((await reader.next()).value))
    return async () => {
      for (let next = await reader.next(); !next.done; next = await reader.next())
        got.push(Number(next.value))
      return got
    }
  }
  for (const [kind, punch] of [
    ['a hole', punchBy(realClock)],
    ['a truncation, the log as long as before', unsupported],
  ] as const)
    await t.test(kind, async (t) => {
      const log = join(folder(t), 'a.log')
      writeFileSync(log, numbered(0, 3000))
      const rest = await started(log, 5)
      const rotation = rotationOf(log, { ...LIMITS, keep: 9 }, punch)
      await rotation.pass()
      await rotation.pass()
      appendFileSync(log, numbered(3000, 6500))
      t.same(await rest(), range(0, 6500))
    })
  await t.test('it saw lines that a truncation lost', async (t) => {
    const log = join(folder(t), 'a.log')
    writeFileSync(log, numbered(0, 600))
    let over = false
    const rest = await started(log, 600, { follow: true, until: () => over })
    writeFileSync(`${log}.1`, numbered(0, 590))
    const { ino, birthtimeMs: birth } = statSync(log)
    const part = statSync(`${log}.1`)
    const kept = [{ ino: part.ino, birth: part.birthtimeMs, from: 0, to: 590 * WIDTH }]
    writeFileSync(
      `${log}.offset`,
      JSON.stringify({ log: { ino, birth }, base: 590 * WIDTH, live: 590 * WIDTH, kept }),
    )
    truncateSync(log)
    appendFileSync(log, numbered(600, 1300))
    over = true
    t.same(await rest(), range(0, 1300))
  })
})

t.test(
  'what a predecessor copied and did not punch is punched, though nothing is to be rotated',
  async (t) => {
    const never: PunchHole = async () => ({ result: 'failed', message: 'killed' })
    const { log } = await rotated(t, never)
    t.ok(blocks(log) > 200_000)
    const rotation = rotationOf(log, LIMITS)
    t.equal(rotation.isDue(statSync(log)), true)
    await rotation.pass()
    t.ok(blocks(log) <= 64 * KB)
  },
)

t.test('two that rotate one log: the second leaves', async (t) => {
  const { log } = await rotated(t)
  appendFileSync(log, numbered(2100, 2800))
  const before = readFileSync(log)
  const other = `${readFileSync(`${log}.offset`, 'utf8').trim()} \n`
  const stopped = () => {
    writeFileSync(`${log}.offset`, other)
    return false
  }
  const rotation = new LogRotation(log, LIMITS, { clock: realClock, punch: punchBy(realClock), stopped })
  await rotation.pass()
  t.ok(readFileSync(log).equals(before), 'no hole')
  t.equal(readFileSync(`${log}.offset`, 'utf8'), other)
})

t.test('someone else truncates, removes or replaces what is there', async (t) => {
  await t.test('the log is truncated: the older files stay, and it goes on', async (t) => {
    const { log } = await rotated(t)
    truncateSync(log)
    appendFileSync(log, numbered(5000, 5010))
    const expected = [...range(0, 3 * PART), ...range(5000, 5010)]
    t.same(await numbers(log), expected)
    const rotation = rotationOf(log, LIMITS)
    await rotation.pass()
    t.same(await numbers(log), expected)
    appendFileSync(log, numbered(5010, 6000))
    await rotation.pass()
    t.same(await numbers(log), [...range(PART, 3 * PART), ...range(5000, 6000)])
  })
  await t.test('the log is replaced', async (t) => {
    const { log } = await rotated(t)
    writeFileSync(`${log}.other`, numbered(7000, 7700))
    renameSync(`${log}.other`, log)
    t.same(await numbers(log), [...range(0, 3 * PART), ...range(7000, 7700)])
    await rotationOf(log, LIMITS).pass()
    t.same(await numbers(log), [...range(PART, 3 * PART), ...range(7000, 7700)])
  })
  await t.test('an older file is removed', async (t) => {
    const { log } = await rotated(t)
    rmSync(`${log}.2`)
    const rest = [...range(0, PART), ...range(2 * PART, 2100)]
    t.same(await numbers(log), rest)
    t.same(await numbers(log, (PART + 5) * WIDTH), range(2 * PART, 2100))
    appendFileSync(log, numbered(2100, 2800))
    await rotationOf(log, LIMITS).pass()
    t.same(await numbers(log), [...rest, ...range(2100, 2800)])
  })
  await t.test('the log is removed: nothing to rotate, the older ones can be read', async (t) => {
    const { log } = await rotated(t)
    rmSync(log)
    t.same(await rotationOf(log, LIMITS).pass(), { again: false, punched: undefined, lost: 0 })
    t.same(await numbers(log), range(0, 3 * PART))
  })
  await t.test('.offset is removed, or holds rubbish', async (t) => {
    const { log } = await rotated(t)
    const rotation = rotationOf(log, LIMITS)
    appendFileSync(log, numbered(2100, 2800))
    await rotation.pass()
    rmSync(`${log}.offset`)
    appendFileSync(log, numbered(2800, 3500))
    await rotation.pass()
    t.same(await numbers(log), range(2 * PART, 3500), 'whoever rotates it knows')
    for (const rubbish of [
      '',
      'x',
      '{}',
      '[]',
      '{"live":5}',
      '{"log":{"ino":1,"birth":1},"base":0,"kept":[]}',
    ]) {
      writeFileSync(`${log}.offset`, rubbish)
      t.equal((await numbers(log)).at(-1), 3499)
      t.equal(logSize(log), 3500 * WIDTH)
    }
  })
  await t.test('no regular file', async (t) => {
    t.same(
      await rotationOf(folder(t), LIMITS)
        .pass()
        .catch((error) => error.code),
      'EISDIR',
    )
  })
})

t.test('where holes cannot be punched is told from where they can, later', async (t) => {
  const log = join(folder(t), 'a.log')
  const script = (body: string) => {
    const file = join(folder(t), 'fallocate')
    writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 })
    return file
  }
  for (const [program, result, message] of [
    ['fallocate', 'punched', /^$/],
    ['/no/such/program', 'unsupported', /no program/],
    [script('echo "fallocate: keep size mode is unsupported" >&2; exit 1'), 'unsupported', /keep size/],
    [
      script('echo "fallocate: fallocate failed: Operation not supported" >&2; exit 1'),
      'unsupported',
      /not supp/,
    ],
    [script('echo "fallocate: unrecognized option: punch-hole" >&2; exit 1'), 'unsupported', /unrecognized/],
    [script('echo "fallocate: fallocate failed: Input/output error" >&2; exit 1'), 'failed', /Input/],
    [script('kill -9 $$'), 'failed', /SIGKILL/],
  ] as const) {
    writeFileSync(log, numbered(0, 700))
    const rotation = rotationOf(log, LIMITS, punchBy(realClock, program))
    t.match(await rotation.pass(), { punched: { result, message } }, `${program}`)
    t.equal(rotation.truncates, result === 'unsupported')
    rmSync(log)
    rmSync(`${log}.offset`)
  }
  writeFileSync(log, numbered(0, 700))
  const rotation = rotationOf(log, LIMITS, punchBy(realClock, script('exit 3')))
  for (let time = 0; time < 3; time++) {
    t.equal(rotation.truncates, false)
    t.equal(rotation.isDue({ ...statSync(log), size: 1e6 } as never), true)
    await rotation.pass()
  }
  t.equal(rotation.truncates, true, 'three failures, and it is truncated')
  await rotation.pass()
  t.same(await numbers(log), range(0, 700))
})
