// Two silent agents: one asked for time and is left alone, one only waited until a moment that is past, and stalls.
// Exits with 0 when all went as it says here.
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({
  defaults: { heartbeat: { timeout: '500ms', sources: ['report'], onStall: 'report' } },
})
reeve.on('note', (entry) => console.log(entry.name, entry.event, sentenceOf(entry)))
reeve.on('stalled', (entry) => console.log(entry.name, 'stalls', sentenceOf(entry)))

/** Says this, and then nothing more. @param {string} name @param {object} report */
const says = (name, report) =>
  reeve.spawn({
    name,
    command: ['sh', '-c', `echo '${JSON.stringify(report)}' >> "$REEVE_REPORT"; exec sleep 600`],
  })

const patient = says('patient', { type: 'extend', by: '10m' })
while (patient.record.evidence?.extendMs === undefined || patient.state !== 'running')
  await new Promise((resolve) => setTimeout(resolve, 10))

const until = new Date(Date.now() + 1_000).toISOString()
const stalls = new Promise((resolve) =>
  reeve.on('stalled', (entry) => entry.name === 'limited' && entry.at >= until && resolve(undefined)),
)
says('limited', { type: 'waiting', on: 'rate_limit', until })
await stalls
const asItSays = patient.state === 'running'
await reeve.stop()
process.exit(asItSays ? 0 : 1)
