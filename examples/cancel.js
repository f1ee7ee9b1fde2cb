/**
 * Cancelling: an agent ends after its present step, whatever it is written in, and no policy brings it back.
 * Run it with `node examples/cancel.js`, after `npm run build`.
 */
import { fileURLToPath } from 'node:url'
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({ defaults: { restart: 'permanent', heartbeat: false, task: 'TASK-1' } })
for (const kind of /** @type {const} */ (['transition', 'note']))
  reeve.on(kind, (entry) => {
    const word = kind === 'transition' ? entry.to : `· ${entry.event}`
    console.log(`${entry.name.padEnd(8)} ${word.padEnd(13)} ${sentenceOf(entry)}`.trimEnd())
  })

// With the kit: it hears of its cancellation, and of who asked.
const kit = reeve.spawn({
  name: 'kit',
  command: [process.execPath, fileURLToPath(new URL('agents/stepper.js', import.meta.url))],
  ready: { report: true },
})
// Without: it makes the control file itself, and looks between two steps.
const shell = reeve.spawn({
  name: 'shell',
  command: ['sh', '-c', ': > "$REEVE_CONTROL"; until [ -s "$REEVE_CONTROL" ]; do sleep 0.2; echo done; done'],
})
// Knowing nothing of Reeve: SIGINT, as from a terminal, to it alone. It ignores that: the ladder follows.
const deaf = reeve.spawn({
  name: 'deaf',
  command: ['sh', '-c', 'trap "" INT; echo ready; while :; do sleep 0.1; done'],
  ready: { line: 'ready' },
})
await Promise.all([kit.ready, shell.ready, deaf.ready])
// In the middle of a step.
const lines = kit.logs({ follow: true })
for await (const line of lines) if (line === 'step 2 begins') break

const results = await reeve.cancel(
  { task: 'TASK-1' },
  { within: '2s', by: 'a person', reason: 'plans changed' },
)
console.log()
for (const { agentId, killSignal, message } of results)
  console.log(`${reeve.get(agentId)?.name.padEnd(8)} ${message}, ${killSignal ?? 'by itself'}`)
const output = []
for await (const line of kit.logs()) output.push(line)
await reeve.stop()

const ends = [kit, shell, deaf].map(({ record }) => `${record.state} ${record.reason?.kind}`)
const asPromised = ends.every((end) => end === 'killed cancelled') && output.at(-1) === 'step 2 is done'
process.exitCode = asPromised ? 0 : 1
