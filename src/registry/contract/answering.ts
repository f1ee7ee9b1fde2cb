/** What a registry owes to those who ask. */
import assert from 'node:assert/strict'
import type { AgentState, Entry } from '../../../machines/events.ts'
import { matches, type RecordFilter } from '../record.ts'
import type { Place } from '../registry.ts'
import type { Case } from './case.ts'
import { append, holds, idsOf } from './claims.ts'
import { batchesOf, ofAgent, recordsOf, Writer } from './samples.ts'

const isOf =
  (agentId: string) =>
  (entry: Entry): boolean =>
    entry.agentId === agentId

const placeOf = (entry: Entry | undefined): Place => {
  assert.ok(entry)
  return { supervisorId: entry.supervisorId, seq: entry.seq }
}

export const answering: readonly Case[] = [
  {
    title: 'each filter narrows by what it names, and several by all of it',
    async run(registry) {
      const writer = new Writer()
      const entries = [
        ...writer.killed('a', { task: 'T', labels: { team: 'x', tier: '1' } }),
        ...writer.start('b', { task: 'T', lane: 'L', group: 'G' }),
        ...writer.start('c', { spawner: 'S', name: 'shared' }),
        ...writer.killed('d', { name: 'shared' }),
        // Within G; and one whose name only begins so.
        ...writer.start('e', { group: 'G/inner' }),
        ...writer.start('f', { group: 'Good' }),
      ]
      await registry.append(entries)
      const filters: RecordFilter[] = [
        ...[
          {},
          { id: 'b' },
          { id: 'nobody' },
          { name: 'shared' },
          { task: 'T' },
          { lane: 'L' },
          { group: 'G' },
          { group: 'G/inner' },
        ],
        ...[
          { spawner: 'S' },
          { labels: { team: 'x' } },
          { labels: { team: 'x', tier: '2' } },
          { labels: {} },
        ],
        ...[
          { state: 'killed' as AgentState },
          { state: [] },
          { state: ['killed', 'running'] as AgentState[] },
        ],
        ...[
          { name: 'shared', state: 'running' as AgentState },
          { task: 'T', labels: { tier: '1' } },
        ],
      ]
      for (const filter of filters)
        assert.deepEqual(
          idsOf(await registry.records(filter)),
          idsOf(recordsOf(entries).filter((record) => matches(record, filter))),
          `records(${JSON.stringify(filter)})`,
        )
    },
  },
  {
    title: 'an answer is what was so: it does not change with what comes later',
    async run(registry) {
      const writer = new Writer()
      const entries = writer.start('a')
      await registry.append(entries)
      const [records, history] = [await registry.records(), await registry.history('a')]
      await registry.append(writer.notes('a', 2))
      assert.deepEqual(records, recordsOf(entries))
      assert.deepEqual(history, entries)
    },
  },
  {
    title: 'who reads while entries come sees a beginning of them, and records that were once so',
    async run(registry) {
      const writer = new Writer()
      const entries = [...writer.start('a'), ...writer.notes('a', 600)]
      const once = new Set(entries.map((_, i) => JSON.stringify(recordsOf(entries.slice(0, i + 1)))))
      let done = false
      const read = async () => {
        for (let seen = 0; !done; ) {
          const history = await registry.history('a')
          assert.ok(history.length >= seen, 'nothing that was seen is gone')
          assert.deepEqual(history, entries.slice(0, history.length))
          const records = await registry.records({ id: 'a' })
          assert.ok(records.length === 0 || once.has(JSON.stringify(records)), 'a record that never was')
          seen = history.length
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const readers = [read(), read(), read()]
      try {
        await append(registry, batchesOf(entries, 20))
      } finally {
        done = true
      }
      await Promise.all(readers)
      await holds(registry, entries)
    },
  },
  {
    title: 'the log is read on from any place in it, over supervisors, in the order in which it was taken',
    async run(registry) {
      if (!registry.after) return
      const [first, second] = [new Writer('supervisor-1'), new Writer('supervisor-2')]
      const log = [...first.killed('a'), ...second.killed('b'), ...first.start('c')]
      await append(registry, batchesOf(log, 3))
      assert.deepEqual(await registry.after(null, log.length + 1), log)
      assert.deepEqual(await registry.after(null, 2), log.slice(0, 2))
      for (const [i, { supervisorId, seq }] of log.entries())
        assert.deepEqual(await registry.after({ supervisorId, seq }, log.length), log.slice(i + 1))
      // The place of what was taken out is where its neighbours are.
      await registry.remove('b', { history: true })
      const left = log.filter(({ agentId }) => agentId !== 'b')
      assert.deepEqual(await registry.after(null, log.length), left)
      assert.deepEqual(await registry.after(placeOf(log.findLast(isOf('a'))), log.length), ofAgent(log, 'c'))
      await assert.rejects(registry.after({ supervisorId: 'nobody', seq: 1 }, 1), { code: 'entries_gone' })
    },
  },
  {
    title: 'remove takes the record out; its entries only when it is said so',
    async run(registry) {
      const writer = new Writer()
      const entries = [writer.killed('a'), writer.killed('b'), writer.start('c')].flat()
      await registry.append(entries)
      await registry.remove('a', { history: false })
      await registry.remove('b', { history: true })
      await registry.remove('nobody', { history: true })
      assert.deepEqual(idsOf(await registry.records()), ['c'])
      assert.deepEqual(await registry.history('a'), ofAgent(entries, 'a'))
      assert.deepEqual(await registry.history('b'), [])
      assert.deepEqual(await registry.history('c'), ofAgent(entries, 'c'))
    },
  },
  {
    title: 'what was removed does not come back with an old batch',
    async run(registry) {
      const writer = new Writer()
      const entries = [...writer.killed('a'), ...writer.killed('b')]
      await registry.append(entries)
      await registry.remove('a', { history: true })
      await registry.remove('b', { history: false })
      await registry.append(entries)
      assert.deepEqual(await registry.records(), [])
      assert.deepEqual(await registry.history('a'), [])
      assert.equal((await registry.history('b')).length, ofAgent(entries, 'b').length)
    },
  },
  {
    title: 'an id that was removed may be used again',
    async run(registry) {
      const writer = new Writer()
      await registry.append(writer.killed('a', { task: 'old' }))
      await registry.remove('a', { history: true })
      const again = writer.start('a')
      await registry.append(again)
      await holds(registry, again)
    },
  },
]
