/**
 * A crew of real processes, each with a habit that ends badly elsewhere: run it with `npm start`.
 * What it shows of the API: createSupervisor, spawn, on, ended, history, stop.
 */
import fs from 'node:fs'
import { styleText } from 'node:util'
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({ defaults: { heartbeat: false, spawner: 'demo' } })
const began = performance.now()
/** Every pid that a signal reached or a process had: what has to be gone at the end. */
const pids = new Set()

// Whatever happens to any agent arrives here, as it happens.
reeve.on('transition', (entry) => print(entry, entry.to))
reeve.on('note', (entry) => print(entry, `· ${entry.evidence?.signal ?? entry.event}`))

const sh = (script) => ['sh', '-c', script]
const nowhere = '/opt/ghost/bin/agent'

console.log(`Reeve · 6 agents · home ${reeve.home}\n`)
const crew = [
  { name: 'steady', command: sh('sleep 0.2; echo listening; exec sleep 60'), ready: { line: 'listening' } },
  {
    name: 'dozer', // falls silent, and comes back by a heartbeat of its own
    command: sh(
      'sleep 2; echo beat >> "$REEVE_REPORT"; sleep 0.7; echo idle >> "$REEVE_REPORT"; exec sleep 60',
    ),
    heartbeat: { timeout: '1.5s', onStall: 'terminate', grace: '3s', sources: ['report'] },
  },
  {
    name: 'stubborn', // falls silent for good, ignores SIGTERM, and has a grandchild in a session of its own
    command: sh('trap "" TERM; setsid sleep 60 & while :; do sleep 1; done'),
    heartbeat: { timeout: '2s', onStall: 'terminate', grace: '500ms', sources: ['report'] },
    stop: [{ signal: 'SIGTERM', wait: '1s' }],
  },
  {
    name: 'flaky', // crashes twice, backs off, recovers
    command: sh('sleep 0.3; test "$REEVE_INCARNATION" -gt 2 || exit 1; sleep 1; exit 0'),
    restart: { policy: 'transient', backoff: { initial: '500ms' } },
  },
  { name: 'ghost', command: [nowhere], restart: 'permanent' }, // no retry would mend that
  {
    name: 'worker',
    command: sh('sleep 1; echo "{\\"type\\":\\"result\\",\\"value\\":42}" >> "$REEVE_REPORT"'),
  },
].map((spec) => reeve.spawn(spec))

const [steady, dozer, ...others] = crew
await Promise.all(others.map((agent) => agent.ended))
await dozer.stop({ by: 'demo', reason: 'the show is over' })
const { escaped } = await reeve.stop({ by: 'demo' })

console.log(`\n  ${row('agent', 'end', 'why', 'lives', 'exit')}`)
for (const { record } of [steady, dozer, ...others]) {
  const { name, state, reason, error, incarnation, exit } = record
  const why = [reason && `${reason.kind}, by ${reason.by}`, error && (error.errno ?? error.code)]
    .filter(Boolean)
    .join(' · ')
  console.log(
    `  ${row(name, state, why, String(incarnation), exit ? (exit.signal ?? String(exit.code)) : '–')}`,
  )
}

const left = [...pids].filter(isAlive)
console.log(`\n  ${left.length + escaped.length} of ${pids.size} processes left`)
process.exitCode = left.length + escaped.length === 0 ? 0 : 1

function print(entry, what) {
  for (const pid of [entry.pid, ...(entry.evidence?.signalled ?? []).map((each) => each.pid)])
    if (pid) pids.add(pid)
  const at = `+${((performance.now() - began) / 1000).toFixed(2)}s`.padStart(8)
  const line = `${at}  ${entry.name.padEnd(9)} ${what.padEnd(14)}`
  console.log(paint(what, `${line} ${sentenceOf(entry)}`.trimEnd()))
}

/** A zombie, which only waits for its parent to look, is dead. */
function isAlive(pid) {
  const stat = fs.existsSync(`/proc/${pid}`) && fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat && !/\) [ZX] /.test(stat)
}

function row(agent, end, why, lives, exit) {
  return `${agent.padEnd(10)} ${end.padEnd(10)} ${why.padEnd(28)} ${lives.padEnd(6)} ${exit}`
}

/** Colour adds, on a terminal alone; it never says anything by itself. */
function paint(what, line) {
  if (!process.stdout.isTTY || process.env.NO_COLOR) return line
  const colours = {
    running: 'green',
    completed: 'green',
    stalling: 'yellow',
    restarting: 'yellow',
    crashed: 'red',
    killed: 'magenta',
  }
  return styleText(colours[what] ?? 'gray', line)
}
