/**
 * Chaos: a supervisor, its launcher, or both are killed at random moments, again and again, while agents come and go;
 * in the end nothing may be lost, doubled, orphaned, or done to a stranger. `npm run chaos -- --kills 200 --seed 1`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSupervisor } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { Dice } from '../simulation/dice.ts'
import { agentProcesses, launchers, type Seen } from './machine.ts'
import { breaksIn, doublesIn, gapsIn, readLedger } from './verdict.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    agents: { type: 'string', default: '8' },
    keep: { type: 'boolean', default: false },
  },
})
const whole = (name: 'kills' | 'seed' | 'agents'): number => {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= 0) return number
  console.error(`--${name}: ${JSON.stringify(values[name])} is not a whole number`)
  return process.exit(2)
}
const [kills, seed, crew] = [whole('kills'), whole('seed'), whole('agents')]

const DIST = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const PROGRAM = join(dirname(DIST), 'test', 'fixtures', 'lives-through-chaos.sh')
/** A start that takes longer than this has hung. */
const START_LIMIT_MS = 60_000
const STRANGERS = 5
const VICTIMS = ['supervisor', 'launcher', 'both'] as const

const dice = new Dice(`${seed}`)
const folder = mkdtempSync(join(tmpdir(), 'reeve-chaos-'))
const [home, database, ledger] = [join(folder, 'home'), join(folder, 'agents.db'), join(folder, 'ledger')]
const wrong: string[] = []
const began = performance.now()

/** They write down each signal that reaches them, and live on. */
const strangers = Array.from({ length: STRANGERS }, (_, i) => {
  const file = join(folder, `stranger-${i}`)
  const script = `for s in HUP INT TERM QUIT USR1 USR2 CONT; do trap "echo $s >> ${file}" $s; done; while :; do sleep 1; done`
  return { file, child: spawn('sh', ['-c', script], { stdio: 'ignore', detached: true }) }
})
// However this ends: a run that fails leaves none of them.
process.once('exit', () => {
  for (const { child } of strangers) child.kill('SIGKILL')
})

function startHost(round: number): { host: ChildProcess; ready: Promise<unknown> } {
  const args = [
    join(DIST, 'test', 'chaos', 'host.js'),
    folder,
    PROGRAM,
    String(seed * 1_000 + round),
    String(crew),
  ]
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' })
  let said = ''
  host.stderr?.on('data', (text) => {
    said += text
  })
  const ready = new Promise((resolve, reject) => {
    host.stdout?.once('data', resolve)
    host.once('exit', (code) =>
      reject(new Error(`round ${round}: the supervisor left with ${code}: ${said}`)),
    )
    setTimeout(
      () => reject(new Error(`round ${round}: the supervisor was not there within ${START_LIMIT_MS} ms`)),
      START_LIMIT_MS,
    ).unref()
  })
  ready.catch(() => {}) // it is awaited, or the host is killed before it is there
  return { host, ready }
}

const killed = (host: ChildProcess): Promise<unknown> => {
  const gone = new Promise((resolve) => host.once('exit', resolve))
  host.kill('SIGKILL')
  return gone
}

/** At no moment may two processes be the leader of one agent. */
function twice(processes: readonly Seen[]): string[] {
  const leaders = new Map<string, Seen[]>()
  for (const each of processes.filter(({ leader }) => leader))
    leaders.set(each.agentId, [...(leaders.get(each.agentId) ?? []), each])
  return [...leaders.values()]
    .filter((all) => all.length > 1)
    .map(
      (all) =>
        `${all[0]?.name}: ${all.map(({ pid, incarnation }) => `pid ${pid} (life ${incarnation})`).join(' and ')} at once`,
    )
}

const killLaunchers = (): void => {
  for (const pid of launchers(home)) process.kill(pid, 'SIGKILL')
}

// Interrupted, it still brings everything home.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => wrong.push(`interrupted by ${signal}`))

for (let round = 1; round <= kills && wrong.length === 0; round++) {
  const { host, ready } = startHost(round)
  // One in eight is killed while it still recovers.
  const early = dice.between(0, 7) === 0
  const victim = dice.pick(VICTIMS)
  const afterMs = dice.between(0, early ? 249 : 899)
  try {
    if (!early) await ready
    await pause(afterMs)
    if (victim !== 'supervisor') killLaunchers()
    if (victim === 'launcher') await pause(dice.between(0, 299))
    await killed(host)
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error))
    if (host.exitCode === null) await killed(host)
  }
  wrong.push(...twice(agentProcesses(folder)).map((each) => `after round ${round}: ${each}`))
  if (round % 20 === 0)
    console.log(
      `${round} of ${kills} kills · ${agentProcesses(folder).filter(({ leader }) => leader).length} agents live`,
    )
}

const reeve = await createSupervisor({ home, registry: sqliteRegistry(database) })
// What was ending goes on ending; what is adopted is there at once.
for (let looks = 0; looks < 200; looks++) {
  const listed = new Set(
    reeve
      .list()
      .filter(({ alive }) => alive)
      .map(({ pid }) => pid),
  )
  const leaders = agentProcesses(folder).filter(({ leader }) => leader)
  if (
    leaders.every(({ pid }) => listed.has(pid)) &&
    leaders.length === listed.size &&
    reeve.list().every(({ state }) => state === 'running')
  )
    break
  await pause(50)
}
const listed = new Map(reeve.list().map((record) => [record.id, record]))
const processes = agentProcesses(folder)
wrong.push(...twice(processes))
for (const { pid, agentId, name, leader } of processes) {
  if (!listed.has(agentId)) wrong.push(`orphan: pid ${pid} of ${name}, which no listing has`)
  else if (leader && listed.get(agentId)?.pid !== pid)
    wrong.push(`${name}: pid ${pid} lives, pid ${listed.get(agentId)?.pid} is listed`)
}
for (const { name, state } of listed.values())
  if (name.includes('-end-') && state === 'running')
    wrong.push(`${name} was to end with its supervisor, and runs`)
const adopted = listed.size
const { escaped } = await reeve.stop()
for (const pid of escaped) wrong.push(`pid ${pid} escaped`)
for (const { pid, name } of agentProcesses(folder)) wrong.push(`pid ${pid} of ${name} is left after the end`)

const registry = sqliteRegistry(database)
await registry.open()
const records = await registry.records()
const numbers = new Map<string, number[]>()
for (const record of records) {
  const entries = await registry.history(record.id)
  wrong.push(...breaksIn(record, entries))
  for (const { supervisorId, seq } of entries)
    numbers.set(supervisorId, [...(numbers.get(supervisorId) ?? []), seq])
}
await registry.close?.()
wrong.push(...gapsIn(numbers))
const written = readLedger(ledger)
wrong.push(...doublesIn(records, written))
for (const { file, child } of strangers) {
  if (existsSync(file))
    wrong.push(`a stranger was sent ${readFileSync(file, 'utf8').trim().split('\n').join(', ')}`)
  if (child.exitCode !== null || child.signalCode !== null)
    wrong.push(`a stranger was ended (${child.signalCode})`)
  child.kill('SIGKILL')
}

const entries = [...numbers.values()].reduce((sum, each) => sum + each.length, 0)
console.log(
  `${kills} kills · ${numbers.size} supervisors that wrote · ${records.length} agents · ${written.lives.size} lives · ${entries} entries · ${adopted} adopted at the end · ${Math.round((performance.now() - began) / 1000)} s`,
)
if (wrong.length === 0) {
  console.log('no orphan, nothing twice, nothing lost, no stranger touched')
  if (!values.keep) rmSync(folder, { recursive: true })
} else {
  for (const each of wrong.slice(0, 50)) console.error(`WRONG ${each}`)
  console.error(
    `${wrong.length} wrong · what is left: ${folder} · again, as near as chance allows: npm run chaos -- --kills ${kills} --seed ${seed} --agents ${crew}`,
  )
}
process.exit(wrong.length === 0 ? 0 : 1)
