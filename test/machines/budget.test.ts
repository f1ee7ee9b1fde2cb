import t from 'tap'
import { type Budget, exhausted, nearEnd, runsOut, type Spent } from '../../machines/budget.ts'
import type { Usage } from '../../machines/events.ts'
import { dice } from './world.ts'

const used = (turns: number, tokens = 0, usd = 0): Usage => ({ turns, tokens, usd })

t.test('near its end from 0.8 to 1, as long as nobody was warned of it; run out at 1, once', async (t) => {
  const budget: Budget = { turns: 10 }
  t.same(nearEnd(budget, used(7), []), [])
  const eight: Spent = { budget: 'turns', used: 8, allowed: 10 }
  t.same(nearEnd(budget, used(8), []), [eight])
  t.same(nearEnd(budget, used(9), ['turns']), [], 'once')
  t.same(nearEnd(budget, used(10), []), [], 'what has run out has run out')
  t.notOk(runsOut(budget, used(8), used(9)))
  t.ok(runsOut(budget, used(9), used(10)))
  t.notOk(runsOut(budget, used(10), used(20)), 'once')
  t.ok(runsOut(budget, used(0), used(11)))
  t.match(exhausted(budget, used(20)), { used: 20 }, 'and stays so')
})

t.test('what is not limited is not judged; of several, the one furthest over is named', async (t) => {
  t.same(nearEnd({ usd: 1 }, used(1e9, 1e9, 0.5), []), [])
  t.notOk(runsOut({ usd: 1 }, used(0), used(1e9, 1e9, 0.5)))
  const both: Budget = { turns: 10, tokens: 100 }
  t.match(nearEnd(both, used(8, 90), []), [{ budget: 'turns' }, { budget: 'tokens' }])
  t.match(nearEnd(both, used(8, 90), ['turns']), [{ budget: 'tokens' }])
  t.match(exhausted(both, used(11, 300)), { budget: 'tokens', used: 300 })
  t.match(nearEnd(both, used(8, 300), []), [{ budget: 'turns' }])
  t.ok(runsOut(both, used(10, 50), used(10, 100)), 'each of them counts')
})

t.test('ten times $0.1 is a budget of $1', async (t) => {
  let usd = 0
  for (let i = 0; i < 10; i += 1) usd += 0.1
  t.ok(usd < 1)
  t.match(exhausted({ usd: 1 }, used(0, 0, usd)), { budget: 'usd' })
})

t.test(
  'however the use is cut into reports: warned at most once a share, ended once, never beyond 1 unsaid',
  async (t) => {
    const seed = Number(process.env.REEVE_SEED ?? Date.now() % 1e9)
    t.comment(`REEVE_SEED=${seed}`)
    const random = dice(seed)
    const upTo = (most: number) => Math.floor(random() * most)
    for (let run = 0; run < 1_000; run += 1) {
      const budget: Budget = {
        ...(random() < 0.7 && { turns: 1 + upTo(50) }),
        ...(random() < 0.7 && { tokens: 1 + upTo(10_000) }),
        ...(random() < 0.7 && { usd: random() + 0.01 }),
      }
      let sums = used(0)
      const warned: Spent['budget'][] = []
      let ends = 0
      for (let report = 0; report < 40 && ends === 0; report += 1) {
        const after = used(sums.turns + upTo(4), sums.tokens + upTo(900), sums.usd + random() / 20)
        const near = nearEnd(budget, after, warned)
        warned.push(...near.map((spent) => spent.budget))
        const ended = runsOut(budget, sums, after)
        if (ended) ends += 1
        if (ended !== (exhausted(budget, after) !== null))
          t.fail(`run ${run}: ran out, and was not told`, { budget, sums, after })
        for (const { used: so, allowed } of near)
          if (so / allowed < 0.8 - 1e-6 || so >= allowed) t.fail('near is from 0.8 to 1', { so, allowed })
        sums = after
      }
      if (new Set(warned).size !== warned.length) t.fail(`run ${run}: warned twice`, { warned })
    }
  },
)
