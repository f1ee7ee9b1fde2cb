/** Logs that grow under the hands of real processes. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type PunchHole, punchBy } from '../../src/process/log-hole.ts'
import { LogKeeper, type LogKeeperOptions } from '../../src/process/log-keeper.ts'
import { logSize, readLog } from '../../src/process/logs.ts'
import {
  diskOf,
  ended,
  flood,
  folder,
  hasty,
  hold,
  MB,
  type Reading,
  read,
  rotator,
  WIDTH,
} from './log-flood.ts'
import { until } from './rig.ts'

hold(t)

interface Kept {
  readonly keeper: LogKeeper
  readonly warnings: string[]
  readonly dir: string
}

function keeperOf(t: Test, options: Partial<LogKeeperOptions> = {}, everyMs = 30): Kept {
  // Taken away last: what is torn down last was made first.
  const dir = folder(t)
  const warnings: string[] = []
  const clock = hasty(everyMs)
  const keeper = new LogKeeper({ clock, warning: (message) => warnings.push(message), ...options })
  t.teardown(() => keeper.close())
  return { keeper, warnings, dir }
}

const nothingYet = (): Reading => ({ first: undefined, last: undefined, lines: 0, wrong: [] })
const inPlace = (log: string): Promise<unknown> =>
  until('the hole is punched', () => statSync(log).blocks * 512 <= 1.3 * MB)

t.test(
  'two floods through 10 rotations and more: readers see every line once, the disk is bounded',
  async (t) => {
    const dir = folder(t)
    const [all, some] = [join(dir, 'all.log'), join(dir, 'some.log')]
    const LINES = 80_000
    const maxBytes = MB / 4
    const floods = [flood(t, all, LINES, 4), flood(t, some, LINES, 4)]
    const { said } = await rotator(t, 'fallocate', [
      [all, { maxBytes, keep: 50 }],
      [some, { maxBytes, keep: 2 }],
    ])
    let over = false
    const options = { follow: true, until: () => over }
    const followers = [nothingYet(), nothingYet()] as const
    await until('the offset is there', () => statSync(all).size > 20_000 * WIDTH)
    const following = [
      read(all, options, followers[0]),
      read(all, { ...options, from: 20_000 * WIDTH }, followers[1]),
    ]
    let peak = 0
    const sampling = setInterval(() => {
      peak = Math.max(peak, diskOf(some))
    }, 20)
    await Promise.all(floods.map(ended))
    clearInterval(sampling)
    for (const log of [all, some])
      await until('the hole is punched', () => statSync(log).blocks * 512 <= 1.3 * maxBytes)
    over = true
    await Promise.all(following)

    t.ok(existsSync(`${all}.10`), 'rotated 10 times')
    t.strictSame(
      followers[0],
      { first: 0, last: LINES - 1, lines: LINES, wrong: [] },
      'followed from the start',
    )
    t.match(followers[1], { first: 20_000, lines: LINES - 20_000, wrong: [] }, 'followed from an offset')
    t.strictSame(await read(all), { first: 0, last: LINES - 1, lines: LINES, wrong: [] }, 'and afterwards')
    const since = await read(all, { from: 65_432 * WIDTH })
    t.match(since, { first: 65_432, lines: LINES - 65_432, wrong: [] })
    const kept = await read(some)
    t.match(kept, { last: LINES - 1, wrong: [] })
    t.ok(kept.lines * WIDTH > 2 * 0.9 * maxBytes, `${kept.lines} lines are kept`)
    t.equal(logSize(some), LINES * WIDTH)
    t.ok(diskOf(some) <= 4 * maxBytes, `${diskOf(some)} bytes at the end`)
    t.comment(`${peak} bytes at most`)
    t.ok(
      peak <= 4 * maxBytes + 5 * MB,
      `${peak} bytes at most: four parts and some looks; without holes it is 8 MB`,
    )
    t.equal(said(), 'looks\n', 'no warning')
  },
)

t.test('a follower that pauses through rotations finds everything in the older files', async (t) => {
  const { keeper, dir } = keeperOf(t)
  const log = join(dir, 'a.log')
  keeper.watch('a', log, { maxBytes: 256 * 1024, keep: 60 })
  const child = flood(t, log, 60_000, 6)
  let over = false
  const reading = nothingYet()
  let seen = 0
  const following = (async () => {
    for await (const line of readLog(log, { follow: true, until: () => over })) {
      if (Number(line) !== seen && reading.wrong.length < 5) reading.wrong.push(`${line} for ${seen}`)
      seen += 1
      if (seen % 15_000 === 7) await new Promise((resolve) => setTimeout(resolve, 150))
    }
  })()
  await ended(child)
  await until('rotated', () => existsSync(`${log}.10`))
  over = true
  await following
  t.same(reading.wrong, [])
  t.equal(seen, 60_000)
})

t.test('without holes: truncated, in order, the loss noted and small', async (t) => {
  const { keeper, warnings, dir } = keeperOf(t, { punch: punchBy(hasty(1000), '/no/such/fallocate') })
  const log = join(dir, 'a.log')
  keeper.watch('a', log, { maxBytes: MB, keep: 50 })
  const LINES = 80_000
  const child = flood(t, log, LINES, 10)
  let over = false
  const follower = nothingYet()
  const following = read(log, { follow: true, until: () => over }, follower)
  await ended(child)
  await until('truncated', () => statSync(log).size < MB)
  over = true
  await following
  await keeper.close()
  const kept = await read(log)
  const lost = LINES - kept.lines
  t.comment(
    `${lost} of ${LINES} lines lost in ${Math.round((LINES * WIDTH) / MB)} truncations; ${warnings.join(' ')}`,
  )
  t.ok(lost <= LINES / 100, `${lost} lines are lost, of ${LINES}`)
  t.ok(kept.wrong.length <= 2 * lost, kept.wrong.join(', '))
  t.ok(follower.lines >= kept.lines && follower.lines <= LINES, 'who follows sees no less, and nothing twice')
  t.match(warnings[0], /No holes can be punched in .*there is no program.*Install util-linux/)
  t.match(warnings[1], /truncated: up to \d+ KiB may be lost/)
  t.equal(warnings.length, 2, 'not at every truncation')
  t.ok(diskOf(log) < 1.2 * LINES * WIDTH)
})

t.test('a life shorter than a look: it is looked at when it ends', async (t) => {
  const { keeper, dir } = keeperOf(t, {}, 60_000)
  const log = join(dir, 'a.log')
  keeper.watch('a.1', log, { maxBytes: MB, keep: 3 })
  await ended(flood(t, log, 20_000, 0))
  keeper.forget('a.1', log)
  await until('rotated', () => existsSync(`${log}.1`))
  keeper.watch('a.2', log, { maxBytes: MB, keep: 3 })
  await ended(flood(t, log, 20_000, 0))
  keeper.forget('a.2', log)
  await until('rotated', () => existsSync(`${log}.2`))
  t.match(await read(log), { first: 0, lines: 40_000 })
})

t.test('a hole that cannot be punched just now is tried again, and said once', async (t) => {
  let fails = true
  const real = punchBy(hasty(1000))
  const punch: PunchHole = async (fd, length) =>
    fails ? { result: 'failed', message: 'no descriptors' } : real(fd, length)
  const { keeper, warnings, dir } = keeperOf(t, { punch })
  const log = join(dir, 'a.log')
  writeFileSync(log, 'x'.repeat(99).concat('\n').repeat(15_000))
  keeper.watch('a', log, { maxBytes: MB, keep: 3 })
  await until('said', () => warnings.length > 0)
  fails = false
  await inPlace(log)
  t.same(warnings, [`No hole was punched in the log ${log}: no descriptors. It is tried again.`])
  t.equal(logSize(log), 1_500_000)
})

t.test('a log at a huge offset starts over between two lives, when nobody has it open', async (t) => {
  const { keeper, dir } = keeperOf(t, { startOverBytes: 2 * MB }, 60_000)
  const log = join(dir, 'a.log')
  keeper.watch('a.1', log, { maxBytes: MB, keep: 9 })
  t.equal(keeper.startOver(log), undefined, 'there is none')
  await ended(flood(t, log, 30_000, 0))
  const holder = openSync(log, 'a')
  await keeper.startOver(log)
  t.equal(statSync(log).size, 30_000 * WIDTH, 'someone may write')
  closeSync(holder)
  await keeper.startOver(log)
  t.equal(statSync(log).size, 0)
  t.match(await read(log), { first: 0, lines: 30_000, wrong: [] })
  t.equal(logSize(log), 30_000 * WIDTH, 'offsets go on')
  t.equal(keeper.startOver(log), undefined)
  appendFileSync(log, `${'30000'.padStart(WIDTH - 1)}\n`)
  t.match(await read(log), { first: 0, lines: 30_001, wrong: [] })
})

t.test('close leaves at once, where it is safe, and nothing goes on', async (t) => {
  const { keeper, dir } = keeperOf(t)
  const log = join(dir, 'a.log')
  await ended(flood(t, log, 100_000, 0))
  keeper.watch('a', log, { maxBytes: MB, keep: 9 })
  await until('it is rotated', () => existsSync(`${log}.next`))
  await keeper.close()
  const names = readdirSync(dir).sort()
  t.match(await read(log), { first: 0, lines: 100_000, wrong: [] })
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.same(readdirSync(dir).sort(), names)
})
