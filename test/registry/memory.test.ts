import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import { memoryRegistry } from '../../src/registry/memory.ts'

let seq = 0
const life = (agentId: string): Entry[] =>
  (['spawning', 'completed'] as const).map((to, i) => ({
    seq: ++seq,
    at: new Date(seq).toISOString(),
    supervisorId: 's',
    host: 'h',
    agentId,
    name: agentId,
    incarnation: 1,
    from: i === 0 ? null : 'spawning',
    to,
    event: i === 0 ? 'spawn' : 'end',
  }))

t.test('appends are idempotent, records and histories come back, removal forgets', async (t) => {
  const registry = memoryRegistry()
  await registry.open()
  const batch = life('a')
  await registry.append(batch)
  await registry.append(batch)
  t.same(await registry.history('a'), batch)
  t.match(await registry.records({ state: 'completed' }), [{ id: 'a' }])
  t.same(await registry.records({ state: 'killed' }), [])
  await registry.remove('a', { history: false })
  t.same(await registry.records(), [])
  t.equal((await registry.history('a')).length, 2, 'its entries were to stay')
  await registry.remove('a', { history: true })
  t.same(await registry.history('a'), [])
})

t.test('what it remembers of ended agents is bounded', async (t) => {
  const registry = memoryRegistry({ ended: 3 })
  for (const id of ['a', 'b', 'c', 'd', 'e']) await registry.append(life(id))
  t.same(
    (await registry.records()).map(({ id }) => id),
    ['c', 'd', 'e'],
  )
  t.same(await registry.history('a'), [])
})

t.test('entries that stay after a removal are bounded with the others', async (t) => {
  const registry = memoryRegistry({ ended: 2 })
  await registry.append(life('x'))
  await registry.remove('x', { history: false })
  t.equal((await registry.history('x')).length, 2)
  for (const id of ['y', 'z']) await registry.append(life(id))
  t.same(await registry.history('x'), [])
})
