/**
 * A crew of real processes, each with a habit that ends badly elsewhere: run it with `npm start`. On a terminal it stays,
 * with a prompt over the same supervisor; piped it runs to its end.
 * What it shows of the API: createSupervisor, spawn, on, ended, stop, startRepl, and a registry that anyone can read.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { styleText } from 'node:util'
import { createSupervisor, sentenceOf } from 'reeve'
import { sqliteRegistry } from 'reeve/registry/sqlite'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'reeve-demo-'))
const database = path.join(folder, 'agents.db')
const reeve = await createSupervisor({
  registry: sqliteRegistry(database),
  defaults: { heartbeat: false, spawner: 'demo' },
})
const began = performance.now()
/** @type {Set<number>} Every pid that a signal reached or a process had: what has to be gone at the end. */
const pids = new Set()

// Whatever happens to any agent arrives here, as it happens. At the prompt it is the prompt that shows it.
let prompting = false
reeve.on('transition', (entry) => print(entry, entry.to))
reeve.on('note', (entry) => print(entry, `· ${entry.evidence?.signal ?? entry.event}`))

/** @param {string} script */
const sh = (script) => ['sh', '-c', script]

console.log(`Reeve · 6 agents · home ${reeve.home} · registry ${database}\n`)

reeve.spawn({
  name: 'steady',
  command: sh('sleep 0.2; echo listening; exec sleep 60'),
  ready: { line: 'listening' },
})
// Falls silent, and comes back by a heartbeat of its own.
const dozer = reeve.spawn({
  name: 'dozer',
  command: sh(
    'sleep 2; echo beat >> "$REEVE_REPORT"; sleep 0.7; echo idle >> "$REEVE_REPORT"; exec sleep 60',
  ),
  heartbeat: { timeout: '1.5s', onStall: 'terminate', grace: '3s', sources: ['report'] },
})
// Falls silent for good, ignores SIGTERM, and has a grandchild in a session of its own.
const stubborn = reeve.spawn({
  name: 'stubborn',
  command: sh('trap "" TERM; setsid sleep 60 & while :; do sleep 1; done'),
  heartbeat: { timeout: '2s', onStall: 'terminate', grace: '500ms', sources: ['report'] },
  stop: [{ signal: 'SIGTERM', wait: '1s' }],
})
// Crashes twice, backs off, recovers.
const flaky = reeve.spawn({
  name: 'flaky',
  command: sh('sleep 0.3; test "$REEVE_INCARNATION" -gt 2 || exit 1; sleep 1'),
  restart: { policy: 'transient', backoff: { initial: '500ms' } },
})
// Its command does not exist: no retry would mend that.
const ghost = reeve.spawn({ name: 'ghost', command: ['/opt/ghost/bin/agent'], restart: 'permanent' })
const worker = reeve.spawn({
  name: 'worker',
  command: sh('sleep 1; echo \'{"type":"result","value":42}\' >> "$REEVE_REPORT"'),
})

await Promise.all([stubborn.ended, flaky.ended, ghost.ended, worker.ended])
if (process.stdin.isTTY && process.stdout.isTTY) await prompt()
// Whoever sat at the prompt may have ended it before.
if (dozer.record.alive) await dozer.stop({ by: 'demo', reason: 'the show is over' })
const { escaped } = await reeve.stop({ by: 'demo' })

// Read back from the database, as anyone could: what became of each, why, and by whom.
const registry = sqliteRegistry(database)
await registry.open()
console.log(`\n  ${row('agent', 'end', 'why', 'lives', 'exit')}`)
let entries = 0
for (const record of await registry.records()) {
  const { id, name, state, reason, error, incarnation, exit } = record
  const why = [reason && `${reason.kind}, by ${reason.by}`, error && (error.errno ?? error.code)]
    .filter(Boolean)
    .join(' · ')
  console.log(
    `  ${row(name, state, why, String(incarnation), exit ? (exit.signal ?? String(exit.code)) : '–')}`,
  )
  entries += (await registry.history(id)).length
}
await registry.close?.()
fs.rmSync(folder, { recursive: true })

const left = [...pids].filter(isAlive)
console.log(
  `\n  ${left.length + escaped.length} of ${pids.size} processes left · ${entries} entries in the database`,
)
process.exitCode = left.length + escaped.length === 0 ? 0 : 1

/** The same supervisor, still live, and all that Node's own prompt can do. */
async function prompt() {
  const { startRepl } = await import('reeve/repl')
  prompting = true
  const { ended } = await startRepl(reeve, {
    greeting:
      '\n`steady` and `dozer` still run: try .ls, .diagram steady, .stop dozer, .help. Ctrl-D ends the show.\n',
  })
  await ended
  prompting = false
}

/** @param {import('reeve').Entry} entry @param {string} what */
function print(entry, what) {
  for (const pid of [entry.pid, ...(entry.evidence?.signalled ?? []).map((each) => each.pid)])
    if (pid) pids.add(pid)
  if (prompting) return
  const at = `+${((performance.now() - began) / 1000).toFixed(2)}s`.padStart(8)
  const line = `${at}  ${entry.name.padEnd(9)} ${what.padEnd(14)}`
  console.log(paint(what, `${line} ${sentenceOf(entry)}`.trimEnd()))
}

/** A zombie, which only waits for its parent to look, is dead. */
function isAlive(/** @type {number} */ pid) {
  const stat = fs.existsSync(`/proc/${pid}`) && fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat && !/\) [ZX] /.test(stat)
}

/** @param {string[]} cells */
function row(...cells) {
  return cells.map((cell, i) => cell.padEnd([10, 10, 28, 6, 0][i] ?? 0)).join(' ')
}

/**
 * Colour adds, on a terminal alone; it never says anything by itself.
 * @param {string} what @param {string} line
 */
function paint(what, line) {
  if (!process.stdout.isTTY || process.env.NO_COLOR) return line
  /** @type {Record<string, Parameters<typeof styleText>[0]>} */
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
