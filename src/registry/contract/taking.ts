/** What a registry owes to entries: all of them, once, in order, as they were. */
import assert from 'node:assert/strict'
import type { Case } from './case.ts'
import { append, holds } from './claims.ts'
import { batchesOf, ofAgent, Writer } from './samples.ts'

export const taking: readonly Case[] = [
  {
    title: 'a new registry is empty',
    async run(registry) {
      assert.deepEqual(await registry.records(), [])
      assert.deepEqual(await registry.history('nobody'), [])
      await registry.append([])
      assert.deepEqual(await registry.records(), [])
    },
  },
  {
    title: 'what was appended comes back as it was, and records are the fold of it',
    async run(registry) {
      const writer = new Writer()
      const told = { task: 'T-1', lane: 'member', spawner: 'tester', group: 'g', labels: { team: 'a' } }
      const entries = [
        ...writer.killed('killed', told),
        ...writer.crashed('crashed'),
        ...writer.start('running', told),
        ...writer.notes('running', 3),
        writer.entry('running', {
          from: 'running',
          to: 'running',
          event: 'activity',
          activity: { kind: 'waiting', on: 'permission', message: 'may I?' },
          lastHeartbeatAt: '2026-01-01T00:00:00.000Z',
        }),
        writer.entry('running', {
          from: 'running',
          to: 'running',
          event: 'cleanup_failed',
          error: { code: 'cleanup_failed', message: 'no', errno: 'ENOENT' },
          escaped: [1, 2],
        }),
      ]
      await append(registry, batchesOf(entries, 4))
      await holds(registry, entries)
    },
  },
  {
    title: 'the same batch again, at once or after later ones, changes nothing',
    async run(registry) {
      const writer = new Writer()
      const entries = [...writer.killed('a'), ...writer.crashed('b'), ...writer.start('c')]
      const [first = [], second = [], ...later] = batchesOf(entries, 3)
      await append(registry, [first, first, second, first, second, ...later, second, entries])
      await holds(registry, entries)
    },
  },
  {
    title: 'a batch that is new in part adds that part',
    async run(registry) {
      const entries = new Writer().killed('a')
      await append(registry, [entries.slice(0, 4), entries.slice(2, 6), entries])
      await holds(registry, entries)
    },
  },
  {
    title: 'numbers are of one supervisor: the same number of two is two entries',
    async run(registry) {
      const [one, two] = [new Writer('one'), new Writer('two')]
      const entries = [one.killed('a'), two.killed('b'), one.start('c'), two.crashed('d')].flat()
      await append(registry, batchesOf(entries, 5))
      await holds(registry, entries)
    },
  },
  {
    title: "an agent's entries may be of two supervisors, one after the other",
    async run(registry) {
      const [one, two] = [new Writer('one'), new Writer('two')]
      const adopted = two.entry('a', { from: 'running', to: 'running', event: 'adopted', pid: 4_000 })
      const entries = [...one.start('a'), adopted, ...two.notes('a', 2)]
      await append(registry, batchesOf(entries, 2))
      await holds(registry, entries)
      assert.equal((await registry.records())[0]?.supervisorId, 'two')
    },
  },
  {
    title: 'an id that an agent had before begins anew: nothing of the former one is in its record',
    async run(registry) {
      const writer = new Writer()
      const former = { name: 'former', task: 'T-1', lane: 'l', labels: { team: 'a' } }
      const entries = [...writer.killed('a', former), ...writer.start('a', { name: 'latter' })]
      await append(registry, batchesOf(entries, 4))
      await holds(registry, entries)
      const [record] = await registry.records()
      assert.deepEqual(
        [record?.name, record?.task, record?.labels, record?.exit, record?.reason, record?.createdAt],
        ['latter', null, {}, null, null, entries[7]?.at],
      )
      const ofTwo = new Writer('another').killed('a', { task: 'T-2' })
      await append(registry, batchesOf(ofTwo, 4))
      await holds(registry, [...entries, ...ofTwo])
    },
  },
  {
    title: 'batches that are appended without waiting are taken in their order',
    async run(registry) {
      const writer = new Writer()
      const entries = [...writer.start('a'), ...writer.notes('a', 300)]
      await Promise.all(batchesOf(entries, 7).map((batch) => registry.append(batch)))
      await holds(registry, entries)
    },
  },
  {
    title: 'text comes back letter by letter: any script, quotes, line ends, and a megabyte of it',
    async run(registry) {
      const writer = new Writer()
      const odd = `'"\`\\ \n\r\t \u0001 \u2028 é 漢字 🦊 %s ?1 :x $y -- /* */ ); DROP TABLE agent_lifecycle;`
      const labels = JSON.parse('{"__proto__": "x", "camelCase": "y", "": "z", "ключ": "🗝"}')
      const entries = [
        ...writer.start('odd', { name: odd, task: odd, lane: odd, spawner: odd, labels }),
        writer.entry('odd', {
          from: 'running',
          to: 'running',
          event: 'result',
          evidence: { said: { camelCase: [odd, null, 1.5, { nested: 'ü'.repeat(1_000_000) }] } },
        }),
      ]
      await append(registry, batchesOf(entries, 2))
      await holds(registry, entries)
    },
  },
  {
    title: '10,000 entries in batches of 500',
    async run(registry) {
      const writer = new Writer()
      const ids = Array.from({ length: 50 }, (_, i) => `agent-${i}`)
      const entries = ids.flatMap((id) => writer.start(id))
      for (let i = 0; entries.length < 10_000; i += 1) entries.push(...writer.notes(ids[i % 50] ?? '', 1))
      await append(registry, batchesOf(entries, 500))
      assert.equal((await registry.records()).length, 50)
      assert.deepEqual(await registry.history('agent-7'), ofAgent(entries, 'agent-7'))
      await holds(registry, entries)
    },
  },
]
