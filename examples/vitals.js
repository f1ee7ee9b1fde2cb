// How agents are: CPU, memory and processes of their whole trees; and one that uses more memory than it may is ended.
// Exits with 0 when all went as it says here.
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({ vitals: { every: '100ms' } })
reeve.on('transition', (entry) => console.log(entry.name, entry.to, sentenceOf(entry)))

const family = reeve.spawn({
  name: 'family',
  command: ['sh', '-c', 'sleep 600 & sleep 600 & wait'],
  task: 'T-1',
})
const greedy = reeve.spawn({
  name: 'greedy',
  command: [
    process.execPath,
    '-e',
    'globalThis.all = Buffer.alloc(300 * 2 ** 20, 1); setInterval(() => {}, 1000)',
  ],
  memoryMax: '200mb',
})
await family.ready
let health = await reeve.health('family')
while (health.processes !== 3) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  health = await reeve.health('family')
}
console.log(health)
const { reason, evidence } = await greedy.ended

const asItSays =
  health.health === 'healthy' &&
  health.taskId === 'T-1' &&
  (health.memoryMb ?? 0) > 0 &&
  family.state === 'running' &&
  reason?.kind === 'memory' &&
  (evidence?.memoryBytes ?? 0) > 200 * 2 ** 20
await reeve.stop()
process.exit(asItSays ? 0 : 1)
