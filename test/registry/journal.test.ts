import t from 'tap'
import type { Entry } from '../../machines/events.ts'
import { SteppingClock } from '../../src/clock.ts'
import { Journal, type SinkFailure } from '../../src/registry/journal.ts'
import type { RegistrySink } from '../../src/registry/registry.ts'

const entry = (seq: number, agentId = 'a') => ({ seq, agentId }) as Entry
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

function sink(
  behave: (batch: readonly Entry[]) => Promise<void> = async () => {},
): RegistrySink & { seqs: number[] } {
  const seqs: number[] = []
  return {
    seqs,
    async append(batch) {
      await behave(batch)
      seqs.push(...batch.map((each) => each.seq))
    },
  }
}

t.test(
  'one that hangs, one that throws, one that is well: each has its own queue, and its own order',
  async (t) => {
    const clock = new SteppingClock()
    const failures: SinkFailure[] = []
    let down = true
    const hung = sink(() => new Promise(() => {}))
    const throwing: RegistrySink & { seqs: number[] } = {
      seqs: [],
      append(batch) {
        if (down) throw new Error('disk full')
        this.seqs.push(...batch.map((each) => each.seq))
        return Promise.resolve()
      },
    }
    const well = sink()
    const journal = new Journal({
      registry: throwing,
      sinks: [hung, well],
      clock,
      failed: (failure) => failures.push(failure),
    })
    for (let seq = 1; seq <= 1_200; seq += 1) journal.append(entry(seq))
    await turn()
    await turn()
    t.same(
      well.seqs,
      Array.from({ length: 1_200 }, (_, i) => i + 1),
      'the well one has everything already',
    )
    t.match(failures[0], { sink: 'registry', message: 'disk full', queued: 1_200, lost: 0 })
    t.equal((await journal.queued('a')).length, 1_200)
    t.equal((await journal.queued('b')).length, 0)

    for (let i = 0; i < 100; i += 1) {
      clock.advance(100)
      await turn()
    }
    t.ok(failures.filter(({ sink: name }) => name === 'registry').length <= 11, 'told at most once a second')
    t.ok(failures.some(({ sink: name, message }) => name === 'sink 0' && /longer than 5000 ms/.test(message)))

    down = false
    clock.advance(1_000)
    await journal.committed()
    t.same(throwing.seqs, well.seqs, 'back again, it gets all of it, in order')
  },
)

t.test('a full queue gives up the oldest, and says how many', async (t) => {
  const clock = new SteppingClock()
  const failures: SinkFailure[] = []
  const journal = new Journal({
    registry: sink(() => Promise.reject(new Error('no'))),
    sinks: [],
    clock,
    failed: (failure) => failures.push(failure),
  })
  for (let seq = 1; seq <= 100_010; seq += 1) journal.append(entry(seq))
  t.ok((await journal.queued('a')).length <= 100_000, 'bounded')
  t.match(failures.at(-1), { message: /queue is full/ })
  t.ok((failures.at(-1)?.lost ?? 0) >= 1)
})

t.test('closed in the middle of an outage, a queue asks no more', async (t) => {
  const clock = new SteppingClock()
  let asked = 0
  const down = sink(() => {
    asked += 1
    return Promise.reject(new Error('down'))
  })
  const journal = new Journal({ registry: down, sinks: [], clock, failed: () => {} })
  journal.append(entry(1))
  await turn()
  await journal.close()
  const before = asked
  for (let i = 0; i < 10; i += 1) {
    clock.advance(1_000)
    await turn()
  }
  t.equal(asked, before)
  t.equal(clock.pending, 0, 'and no timer is left')
})
