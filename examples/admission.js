// No agent is begun on a machine that has no room for it; what runs there runs on, and comes back after a crash.
// Exits with 0 when all went as it says here.
import { createSupervisor } from 'reeve'

const sleeper = [process.execPath, '-e', 'setTimeout(() => {}, 600_000)']

const roomy = await createSupervisor({ admission: { memoryFree: '64kb' } })
const coder = roomy.spawn({ name: 'coder', command: sleeper })
await coder.ready
console.log(`${coder.name} runs: there is room for it`)
await roomy.stop()

const full = await createSupervisor({ admission: { memoryFree: '1000tb', cpuLoad: 2 } })
const refusal = await Promise.resolve({ name: 'coder', command: sleeper })
  .then((spec) => full.spawn(spec))
  .catch((error) => error)
console.log(`${refusal.code}: ${refusal.message}`)
const begun = full.list().length
await full.stop()

const asItSays =
  refusal.code === 'resource_exhausted' && refusal.field === 'admission.memoryFree' && begun === 0
process.exit(asItSays ? 0 : 1)
