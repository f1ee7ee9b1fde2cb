// An agent is asked as long as it runs whether it is well; when it is not, three times in a row, it begins anew.
// Exits with 0 when all went as it says here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSupervisor, sentenceOf } from 'reeve'

const folder = mkdtempSync(path.join(tmpdir(), 'reeve-liveness-'))
const well = path.join(folder, 'well')
const reeve = await createSupervisor()
reeve.on('transition', (entry) => console.log(entry.name, entry.to, sentenceOf(entry)))

const agent = reeve.spawn({
  name: 'coder',
  command: ['sh', '-c', 'touch "$0"; exec sleep 600', well], // well from its start on
  ready: { exec: { command: ['test', '-e', well], every: '20ms' } },
  liveness: { exec: { command: ['test', '-e', well], every: '50ms', timeout: '30s' }, failures: 3 },
  restart: { policy: 'transient', backoff: { initial: '10ms' } },
})
await agent.ready
const again = new Promise((resolve) =>
  agent.on('transition', (entry) => entry.incarnation === 2 && entry.to === 'running' && resolve(entry)),
)
rmSync(well) // it is ill
await again

const ended = (await reeve.history('coder')).find(({ to, event }) => to === 'killed' && event === 'end')
writeFileSync(well, '')
await reeve.stop()
rmSync(folder, { recursive: true })
process.exit(ended?.reason?.kind === 'liveness' ? 0 : 1)
