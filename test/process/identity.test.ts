import { spawn } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { identify, isAlive, isDead, liveStat, readStat } from '../../src/process/identity.ts'
import { carries } from '../../src/process/marker-pass.ts'
import { parseStat, ticksIn } from '../../src/process/proc-linux.ts'
import { signalProcess } from '../../src/process/signals.ts'
import { Spared } from '../../src/process/spared.ts'
import { fixture, mustIdentify, temporaryFolder, until, untilDead } from './rig.ts'

t.test('a stat line whose comm holds spaces and parentheses', async (t) => {
  const line = `42 (a ) S (b) c) R 7 42 42 0 -1 4194304 1 0 0 0 11 12 13 14 20 0 3 0 9876 0 0`
  t.match(parseStat(line), {
    pid: 42,
    comm: 'a ) S (b) c',
    state: 'R',
    ppid: 7,
    pgrp: 42,
    session: 42,
    kernelThread: false,
    utime: 11,
    stime: 12,
    cutime: 13,
    cstime: 14,
    threads: 3,
    startTime: 9876,
  })
})

t.test('a moment is told to the tick, and never an earlier one', async (t) => {
  const wrong = Array.from({ length: 10_000 }, (_, i) => 3_330_000 + i).filter(
    (ticks) => ticksIn(`${(ticks / 100).toFixed(2)} 12.34\n`) !== ticks,
  )
  t.strictSame(wrong.slice(0, 5), [], `${wrong.length} of 10,000`)
})

t.test('a real process with such a name', async (t) => {
  const path = join(temporaryFolder(t), 'we) (ird S 1')
  symlinkSync('/bin/sleep', path)
  const child = spawn(path, ['1000'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  const stat = readStat(child.pid as number)
  t.match(stat, { pid: child.pid, comm: 'we) (ird S 1', ppid: process.pid })
})

t.test('oneself is alive, and the child of nobody knows', async (t) => {
  const self = mustIdentify(process.pid)
  t.equal(isAlive(self), true)
  t.equal(isAlive({ ...self, startTime: self.startTime + 1 }), false, 'another start: another process')
  t.equal(isAlive({ ...self, bootId: 'another' }), false, 'another boot: another process')
  t.equal(identify(2 ** 22 + 1), undefined)
})

t.test('whose a process is does not change while it becomes another program', async (t) => {
  const child = spawn(fixture('becomes-itself.sh'), {
    stdio: 'ignore',
    env: { ...process.env, REEVE_LIFE: 'x/1' },
  })
  t.teardown(() => child.kill('SIGKILL'))
  const identity = mustIdentify(child.pid as number)
  const strange = Array.from({ length: 3_000 }, () => carries(identity, 'x/1')).filter((ours) => !ours)
  t.equal(strange.length, 0, 'looks that took it for a stranger')
  t.equal(carries(identity, 'x/2'), false)
})

t.test('a zombie is dead, though it answers kill(pid, 0)', async (t) => {
  const child = spawn(fixture('keeps-zombie.sh'), { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const pid = Number(
    await new Promise<string>((done) => child.stdout.once('data', (data) => done(String(data)))),
  )
  const zombie = await until('a zombie', () => {
    const stat = readStat(pid)
    return stat?.state === 'Z' && stat
  })
  t.equal(isDead(zombie), true)
  t.equal(process.kill(pid, 0), true)
  t.equal(isAlive(mustIdentify(pid)), false)
})

t.test('a process whose main thread alone has ended is alive', async (t) => {
  t.equal(isDead({ state: 'Z', threads: 2 } as never), false)
  t.equal(isDead({ state: 'Z', threads: 1 } as never), true)
})

t.test('a recycled pid is never signalled', async (t) => {
  const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' })
  t.teardown(() => stranger.kill('SIGKILL'))
  const now = mustIdentify(stranger.pid as number)
  const spared = new Spared()
  t.equal(signalProcess({ ...now, startTime: now.startTime - 1 }, 'SIGKILL', spared), 'gone')
  t.equal(signalProcess({ ...now, bootId: 'before' }, 'SIGKILL', spared), 'gone')
  t.ok(liveStat(now), 'the stranger is untouched')
  t.equal(signalProcess(now, 'SIGKILL', spared), 'sent')
  await untilDead(now)
})
