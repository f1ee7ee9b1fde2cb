/**
 * Everything at once, in an order that nobody thought of: spawn, stop, kill, restart, remove, beats and signals on a
 * few names, the launcher killed now and then. Whatever happens, the log is a lawful one and no name has two processes.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import type { Agent, AgentSpec, Entry } from '../../src/index.ts'
import { alive, crew, FOREVER, fixture, launcherOf, nothingIsLeft, remember, soon } from '../support.ts'

nothingIsLeft(t)

const FOLLOWS: Record<string, readonly string[]> = {
  null: ['spawning'],
  spawning: ['pre_starting', 'terminating', 'reaping'],
  pre_starting: ['running', 'terminating', 'reaping'],
  running: ['stalling', 'terminating', 'reaping'],
  stalling: ['running', 'terminating', 'reaping'],
  terminating: ['reaping'],
  reaping: ['killed', 'crashed', 'completed'],
  killed: ['restarting', 'spawning'],
  crashed: ['restarting', 'spawning'],
  completed: ['restarting', 'spawning'],
  restarting: ['spawning', 'killed'],
}
const EXPECTED =
  /^(agent_not_found|process_not_found|name_taken|agent_running|ended_before_ready|spawn_failed|ready_timeout|restart_intensity_exceeded)$/

/** Mulberry32: the same dice for the same seed. */
function diceOf(seed: number): (sides: number) => number {
  let x = seed
  return (sides) => {
    x = (x + 0x6d2b79f5) | 0
    let y = Math.imul(x ^ (x >>> 15), 1 | x)
    y = (y + Math.imul(y ^ (y >>> 7), 61 | y)) ^ y
    return ((y ^ (y >>> 14)) >>> 0) % sides
  }
}

const startOf = (pid: number): number => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return 0
  }
}

/** The supervisor may have reaped it since it was looked at. */
const killIfThere = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

for (const [how, options] of [
  ['the launcher killed every 0.7 s', {}],
  ['inline', { launcher: 'inline' }],
] as const)
  t.test(
    `1,000 random requests on a few names, ${how}: lawful, numbered, one process a name, nothing left`,
    async (t) => {
      const seed = Number(process.env.REEVE_SEED ?? Date.now() % 1e9)
      t.comment(`REEVE_SEED=${seed}`)
      const dice = diceOf(seed)
      const pick = <T>(from: readonly T[]): T => from[dice(from.length)] as T
      const c = await crew(t, options)

      const wrong: string[] = []
      const states = new Map<string, string>()
      const processes = new Map<string, [pid: number, start: number][]>()
      let last = 0
      let served = false
      const check = (entry: Entry): void => {
        const { seq, name, agentId, from, to, pid = 0, startTime = 0 } = entry
        if (seq !== last + 1) wrong.push(`entry ${seq} after ${last}`)
        last = seq
        if (from !== (states.get(agentId) ?? null))
          wrong.push(`${name}: from ${from}, it was ${states.get(agentId)}`)
        if (from !== to && !FOLLOWS[String(from)]?.includes(to)) wrong.push(`${name}: ${from} → ${to}`)
        states.set(agentId, to)
        if (from === to || to !== 'pre_starting') return
        served = true
        const had = processes.get(name) ?? []
        const two = had.find(([other, start]) => alive(other) && startOf(other) === start)
        if (two) wrong.push(`${name}: ${two[0]} and ${pid} at a time`)
        processes.set(name, [...had, [pid, startTime]])
      }
      c.on('transition', check)
      c.on('note', check)

      const COMMANDS: readonly AgentSpec['command'][] = [
        FOREVER,
        [fixture('sleeps-through-sigterm.sh')],
        ['true'],
        ['false'],
        ['/no/such/program'],
        ['sleep', '0.05'],
        [fixture('reports.sh'), 'ready', 'idle'],
      ]
      const spec = (name: string): AgentSpec => ({
        name,
        command: pick(COMMANDS),
        ready: dice(4) ? 'spawned' : { report: true, timeout: 50 + dice(100) },
        restart: {
          policy: pick(['permanent', 'transient', 'temporary'] as const),
          backoff: { initial: dice(30), max: 50 },
          intensity: dice(2) ? false : { restarts: 3, within: 500 },
        },
        heartbeat: dice(2)
          ? false
          : {
              timeout: 30 + dice(50),
              grace: dice(40),
              sources: ['report'],
              onStall: pick(['report', 'terminate'] as const),
            },
        stop: [{ signal: 'SIGTERM', wait: dice(60) }],
        ...(dice(5) ? {} : { ttl: 100 + dice(300) }),
        cleanup: dice(5) ? [] : [() => pause(dice(30))],
      })

      const handles: Agent[] = []
      const asked: Promise<unknown>[] = []
      const requests: readonly ((name: string) => unknown)[] = [
        (name) => handles.push(c.spawn(spec(name))),
        (name) => handles.push(c.spawn(spec(name))),
        (name) => handles.push(c.spawn(spec(name))),
        (name) => c.stop(name),
        (name) => c.kill(name),
        (name) => c.restart(name),
        () => handles.length > 0 && pick(handles).restart(),
        () => handles.length > 0 && dice(3) === 0 && c.remove(pick(handles).id),
        (name) => void c.heartbeat(name, pick(['beat', 'idle', 'working', 'ready'])),
        () => dice(5) === 0 && c.killStalled(),
        () => {
          const { pid, startTime } = pick(c.list()) ?? {}
          const signal = pick(['SIGKILL', 'SIGSTOP', 'SIGCONT', 'SIGTERM'] as const)
          if (pid && startOf(pid) === startTime) killIfThere(pid, signal)
        },
      ]
      const unexpected = (error: { code?: string }): void => {
        if (!EXPECTED.test(error.code ?? '')) wrong.push(String(error))
      }
      let killedAt = performance.now()
      for (let i = 0; i < 1000; i += 1) {
        try {
          const answer = pick(requests)(`name ${dice(12)}`)
          if (answer instanceof Promise) asked.push(answer.catch(unexpected))
        } catch (error) {
          unexpected(error as { code?: string })
        }
        if (dice(3) === 0) await pause(dice(10))
        // One that has had no time to do anything would be no launcher: the host is that slow when it has much else to do.
        if (how === 'inline' || !served || performance.now() - killedAt < 700) continue
        killedAt = performance.now()
        const launcher = await launcherOf(c)
        served = false
        remember(launcher)
        process.kill(launcher, 'SIGKILL')
      }

      t.match(await soon(c.stop({ timeout: '10s' }), 'stopped'), { escaped: [], timedOut: false })
      await soon(Promise.all(asked), 'all who asked are answered')
      await soon(Promise.all(handles.map(({ ended }) => ended)), 'all have ended')
      t.same(wrong, [])
      t.same(c.list(), [])
      t.ok(last > 300, `${last} entries`)
    },
  )
