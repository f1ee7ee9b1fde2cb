/**
 * A group whose members depend on each other, as OTP's supervisors keep them: `npm run --silent build && node examples/group.js`.
 * What it shows of the API: group, its strategy and intensity, a group within a group, significant members, stop.
 */
import { createSupervisor, sentenceOf } from 'reeve'

const reeve = await createSupervisor({
  defaults: { heartbeat: false, restart: { backoff: { initial: 50, jitter: 0 } } },
})
reeve.on('transition', (entry) => {
  if (['running', 'crashed', 'killed', 'completed'].includes(entry.to))
    console.log(
      `${(entry.group ?? '').padEnd(12)} ${entry.name.padEnd(8)} ${entry.to.padEnd(9)} ${sentenceOf(entry)}`,
    )
})
reeve.on('warning', ({ message }) => console.log(`! ${message}`))
/** @param {string} script */
const sh = (script) => /** @type {[string, ...string[]]} */ (['sh', '-c', script])

// The store comes first, what needs it after it. When one fails, those that came after it begin anew, in their order.
const crew = reeve.group('crew', { strategy: 'rest_for_one', intensity: { restarts: 3, within: '10s' } })
const store = crew.spawn({ name: 'store', command: sh('exec sleep 60') })
const planner = crew.spawn({ name: 'planner', command: sh('exec sleep 60') })
// The coders stand in a group of their own: side by side, and one of them does not disturb the others.
const coders = crew.group('coders', { strategy: 'one_for_one' })
const ada = coders.spawn({ name: 'ada', command: sh('exec sleep 60') })
const bob = coders.spawn({ name: 'bob', command: sh('exec sleep 60') })
await Promise.all([store, planner, ada, bob].map(({ ready }) => ready))

console.log('\n# one coder dies: the others go on')
const pids = [store, planner, bob].map(({ pid }) => pid)
process.kill(Number(ada.pid), 'SIGKILL')
await running(ada, 2)
check(pids.join() === [store, planner, bob].map(({ pid }) => pid).join(), 'nobody else was touched')

console.log('\n# the planner dies: the coders, who came after it, go with it; the store stays')
process.kill(Number(planner.pid), 'SIGKILL')
await Promise.all([running(planner, 2), running(ada, 3), running(bob, 2)])
check(store.pid === pids[0], 'the store kept its pid')

console.log('\n# a group that ends with its work: the helper is ended when the leader is done')
const task = reeve.group('task', { autoShutdown: 'any_significant' })
task.spawn({ name: 'helper', command: sh('exec sleep 60') })
task.spawn({ name: 'leader', command: sh('sleep 0.3'), restart: 'temporary', significant: true })
const { state, cause } = await task.ended
check(state === 'stopped', `${task.path} is ${state}: ${cause}`)

console.log('\n# a member that fails too often takes its group along, and nobody else')
const broken = reeve.group('broken', { intensity: { restarts: 2, within: '10s' } })
broken.spawn({ name: 'flaky', command: sh('exit 1') })
broken.spawn({ name: 'sound', command: sh('exec sleep 60') })
const over = await broken.ended
check(
  over.state === 'failed' && crew.state === 'running',
  `${broken.path} is ${over.state}; crew is ${crew.state}`,
)

console.log('\n# the end of the crew: the last first')
const { ended, escaped } = await crew.stop({ timeout: '5s' })
check(ended === 4 && escaped.length === 0, `${ended} ended, ${escaped.length} escaped`)
await reeve.stop()

/** @param {boolean} asPromised @param {string} what */
function check(asPromised, what) {
  console.log(`# ${what}${asPromised ? '' : ': that is wrong'}`)
  if (!asPromised) process.exitCode = 1
}

/** @param {import('reeve').Agent} agent @param {number} life */
async function running(agent, life) {
  while (agent.state !== 'running' || agent.incarnation < life)
    await new Promise((resolve) => setTimeout(resolve, 5))
}
