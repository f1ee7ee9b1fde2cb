// A member of a team runs one agent at a time: a second one is refused, waits its turn, or takes the place of the first.
// Exits with 0 when all went as it says here.
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor()
reeve.on('transition', (entry) => console.log(entry.name, entry.to, sentenceOf(entry)))

const lane = 'member-1'
/** @type {[string, ...string[]]} */
const command = ['sleep', '600']
const first = reeve.spawn({ name: 'first', command, lane })
const refusal = await Promise.resolve({ name: 'refused', command, lane })
  .then((spec) => reeve.spawn(spec))
  .catch((error) => error)
console.log(refusal.code, refusal.message)

const next = reeve.spawn({ name: 'next', command, lane, onConflict: 'queue' })
const urgent = reeve.spawn({ name: 'urgent', command, lane, onConflict: 'replace' })
await urgent.ready // the whole tree of the first is gone
const waits = next.record.evidence?.waitsFor === urgent.id
await urgent.stop()
await next.ready

const asItSays =
  refusal.code === 'lane_busy' && first.record.reason?.kind === 'lane' && waits && next.state === 'running'
await reeve.stop()
process.exit(asItSays ? 0 : 1)
