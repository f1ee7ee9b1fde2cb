/** What the tests of rotation share: logs with a flood of numbered lines, and what is read of them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Clock, realClock } from '../../src/clock.ts'
import type { LogLimits } from '../../src/process/log-rotation.ts'
import { type ReadLogOptions, readLog } from '../../src/process/logs.ts'
import { DIST, fixture } from './rig.ts'

/** Bytes of a numbered line, newline included. */
export const WIDTH = 100
export const MB = 1024 * 1024

/** Nothing of rotation holds the event loop: a test that waits for it does. */
export function hold(t: Test): void {
  const held = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(held))
}

export function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'reeve-rotation-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Real time, in which a second of waiting for the next look is shorter. */
export const hasty = (everyMs: number): Clock => ({
  ...realClock,
  setTimeout: (fn, ms) => realClock.setTimeout(fn, ms === 1000 ? everyMs : ms),
})

/** A process that appends numbered lines to a log, as an agent does. */
export function flood(t: Test, log: string, lines: number, megabytesPerSecond: number): ChildProcess {
  const fd = openSync(log, 'a', 0o600)
  const args = [fixture('floods-numbered-lines.js'), lines, WIDTH, megabytesPerSecond].map(String)
  const child = spawn(process.execPath, args, { stdio: ['ignore', fd, 'inherit'] })
  closeSync(fd)
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** A process that rotates, as a launcher does: once it looks, with what it said. */
export async function rotator(
  t: Test,
  program: string,
  logs: readonly [string, LogLimits][],
): Promise<{ readonly child: ChildProcess; readonly said: () => string }> {
  const args = [
    fixture('rotates-log.js'),
    DIST,
    program,
    ...logs.flatMap(([log, limits]) => [log, JSON.stringify(limits)]),
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await once(child.stdout, 'data')
  return { child, said: () => said }
}

const ROUNDS = 25

/**
 * A flood, and one after another who rotates its log and is killed at a random moment, until it was rotated `times` times:
 * on a machine that has much else to do each of them comes to less. What the last one left is read.
 */
export async function killedRotating(
  t: Test,
  program: string,
  times: number,
): Promise<{ log: string; killed: number }> {
  const log = join(folder(t), 'a.log')
  // It never ends by itself: however long it takes.
  const agent = flood(t, log, 1e9, 1)
  let killed = 0
  let mostMs = 40
  const rotations = () => readdirSync(join(log, '..')).length
  const isEnough = () => killed >= ROUNDS && existsSync(`${log}.${times}`)
  for (; !isEnough() && agent.exitCode === null; killed++) {
    const { child } = await rotator(t, program, [[log, { maxBytes: 64 * 1024, keep: 10_000 }]])
    const before = rotations()
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * mostMs))
    child.kill('SIGKILL')
    await ended(child)
    // It came to nothing: the next one has more time.
    if (rotations() === before) mostMs *= 1.5
  }
  agent.kill('SIGKILL')
  await ended(agent)
  return { log, killed }
}

export const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()

/** What a reading of numbered lines came to: how many, from which to which, and what was not as it should be. */
export interface Reading {
  first: number | undefined
  last: number | undefined
  lines: number
  /** Lines that do not follow the one before, or are not whole; the first few. */
  readonly wrong: string[]
}

/** Reads numbered lines; with `follow`, until `over` says so. `into` fills meanwhile. */
export async function read(log: string, options: ReadLogOptions = {}, into?: Reading): Promise<Reading> {
  const reading = into ?? { first: undefined, last: undefined, lines: 0, wrong: [] }
  for await (const line of readLog(log, options)) {
    const number = Number(line)
    const follows = reading.last === undefined || number === reading.last + 1
    if (line.length !== WIDTH - 1 || !follows)
      if (reading.wrong.length < 5)
        reading.wrong.push(`${line.trim()} (${line.length}) after ${reading.last}`)
    reading.first ??= number
    reading.last = number
    reading.lines += 1
  }
  return reading
}

/** Bytes on the disk of all that belongs to a log. */
export function diskOf(log: string): number {
  const name = log.slice(log.lastIndexOf('/') + 1)
  return readdirSync(join(log, '..'))
    .filter((each) => each.startsWith(name))
    .reduce(
      (sum, each) => sum + (statSync(join(log, '..', each), { throwIfNoEntry: false })?.blocks ?? 0) * 512,
      0,
    )
}
