// Comes back after a crash: at first soon, then ever later, three times; a bad command and a bad configuration never do.
// The times are a hundredth of those in the README. Exits with 0 when all went as it says here.
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor()
reeve.on('transition', (entry) => console.log(entry.name, entry.incarnation, entry.to, sentenceOf(entry)))

/** @type {import('reeve').AgentSpec['restart']} */
const restart = {
  policy: 'transient',
  backoff: { initial: 20, factor: 2, max: 1_200, jitter: 0 },
  intensity: { restarts: 3, within: '1h' },
}
const flaky = reeve.spawn({ name: 'flaky', command: ['sh', '-c', 'exit 1'], restart, noRetry: [78] })
const wrong = reeve.spawn({ name: 'wrong', command: ['sh', '-c', 'exit 78'], restart, noRetry: [78] })
const ghost = reeve.spawn({ name: 'ghost', command: ['/does/not/exist'], restart })
await Promise.all([flaky, wrong, ghost].map(({ ended }) => ended))

const entries = await reeve.history('flaky')
const delays = entries.flatMap(({ event, evidence }) => (event === 'backoff' ? [evidence?.delayMs] : []))
const exits = entries.filter(({ exit, to }) => to === 'reaping' && exit?.code === 1)
const asItSays =
  delays.join() === '20,40,80' &&
  exits.length === 4 && // the old lives stay on record
  flaky.record.error?.code === 'restart_intensity_exceeded' &&
  wrong.incarnation === 1 &&
  ghost.incarnation === 1
await reeve.stop()
process.exit(asItSays ? 0 : 1)
