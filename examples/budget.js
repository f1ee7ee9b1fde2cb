/**
 * Budgets: what an agent uses is summed over all its lives; near the end it is told, at the end it is cancelled.
 * Run it with `node examples/budget.js`, after `npm run build`.
 */
import { fileURLToPath } from 'node:url'
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({ defaults: { heartbeat: false } })
for (const kind of /** @type {const} */ (['transition', 'note']))
  reeve.on(kind, (entry) => {
    const word = kind === 'transition' ? entry.to : `· ${entry.event}`
    console.log(`${entry.name.padEnd(8)} ${word.padEnd(17)} ${sentenceOf(entry)}`.trimEnd())
  })

const agent = reeve.spawn({
  name: 'coder',
  command: [process.execPath, fileURLToPath(new URL('agents/stepper.js', import.meta.url))],
  ready: { report: true },
  restart: 'permanent',
  budget: { turns: 5, usd: 5 },
  ttl: '1m',
})
await agent.ready
await new Promise((resolve) => agent.on('note', ({ usage }) => usage?.turns === 2 && resolve(usage)))
// Its next life goes on with what is left.
await agent.restart({ reason: 'a new prompt' })
const { state, reason, usage, incarnation } = await agent.ended
const refused = await agent.restart().catch(({ code, message }) => `${code}: ${message}`)
await reeve.stop()

console.log(`\n${state}: ${reason?.message}, in ${incarnation} lives\n${refused}`)
// The step in which it ran out was finished: that is the sixth.
const asPromised = reason?.kind === 'budget' && usage?.turns === 6 && incarnation === 2
process.exitCode = asPromised && String(refused).startsWith('budget_exhausted') ? 0 : 1
