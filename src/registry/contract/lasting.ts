/** What a registry owes across its own ends and failures. */
import assert from 'node:assert/strict'
import type { Entry } from '../../../machines/events.ts'
import { ReeveError } from '../../errors.ts'
import type { Case } from './case.ts'
import { append, holds, idsOf } from './claims.ts'
import { batchesOf, Writer } from './samples.ts'

export const lasting: readonly Case[] = [
  {
    title: 'close may be called twice',
    async run(registry) {
      await registry.append(new Writer().start('a'))
      await registry.close?.()
      await registry.close?.()
    },
  },
  {
    title: 'opened again it has everything, takes nothing twice, and goes on',
    needs: ['reopen'],
    async run(first, { reopen }) {
      const writer = new Writer()
      const entries = [...writer.killed('a'), ...writer.crashed('b')]
      await append(first, batchesOf(entries, 4))
      const second = await reopen(first)
      await holds(second, entries)
      const more = writer.notes('b', 2)
      await append(second, [entries, more])
      await holds(await reopen(second), [...entries, ...more])
    },
  },
  {
    title: 'opened again, what was removed stays removed',
    needs: ['reopen'],
    async run(first, { reopen }) {
      const writer = new Writer()
      const entries = [...writer.killed('a'), ...writer.killed('b'), ...writer.start('c')]
      await first.append(entries)
      await first.remove('a', { history: true })
      await first.remove('b', { history: false })
      const second = await reopen(first)
      await second.append(entries)
      assert.deepEqual(idsOf(await second.records()), ['c'])
      assert.deepEqual(await second.history('a'), [])
      assert.equal((await second.history('b')).length, 7)
    },
  },
  {
    title: 'an append that fails takes nothing, is told as a ReeveError, and succeeds once the cause is gone',
    needs: ['fail'],
    async run(registry, { fail }) {
      const writer = new Writer()
      const before = writer.start('a')
      await registry.append(before)
      const mend = await fail(registry)
      const batch = [...writer.notes('a', 300), ...writer.killed('b')]
      const refused = async () =>
        assert.rejects(registry.append(batch), (error) => {
          assert.ok(error instanceof ReeveError, `a ReeveError, not ${error}`)
          return true
        })
      await refused()
      await refused()
      await mend()
      await holds(registry, before)
      await registry.append(batch)
      await registry.append(batch)
      await holds(registry, [...before, ...batch])
    },
  },
  {
    title: 'two on one place: the second is refused with a ReeveError, or both have everything',
    needs: ['beside'],
    async run(first, { beside }) {
      const [one, two] = [new Writer('one'), new Writer('two')]
      const entries: Entry[] = [
        ...one.start('a'),
        ...two.start('b'),
        ...one.notes('a', 40),
        ...two.notes('b', 40),
      ]
      await first.append(entries.slice(0, 3))
      const second = await beside(first).catch((error: unknown) => {
        assert.ok(error instanceof ReeveError, `a ReeveError, not ${error}`)
        return undefined
      })
      const writers = { one: first, two: second ?? first }
      for (const each of entries.slice(3)) await writers[each.supervisorId as 'one' | 'two'].append([each])
      await holds(first, entries)
      if (second) await holds(second, entries)
      await second?.close?.()
    },
  },
]
