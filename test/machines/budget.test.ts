import t from 'tap'
import { type Budget, exhausted, judgeBudget, type Spent } from '../../machines/budget.ts'
import type { Usage } from '../../machines/events.ts'
import { dice } from './world.ts'

const used = (turns: number, tokens = 0, usd = 0): Usage => ({ turns, tokens, usd })

t.test('near at 0.8, exceeded at 1, each told when it comes to be so', async (t) => {
  const budget: Budget = { turns: 10 }
  t.same(judgeBudget(budget, used(0), used(7)), { near: [], exceeded: null })
  const eight: Spent = { budget: 'turns', used: 8, allowed: 10 }
  t.same(judgeBudget(budget, used(7), used(8)), { near: [eight], exceeded: null })
  t.same(judgeBudget(budget, used(8), used(9)), { near: [], exceeded: null }, 'once')
  t.match(judgeBudget(budget, used(9), used(10)), { near: [], exceeded: { used: 10 } })
  t.same(judgeBudget(budget, used(10), used(20)), { near: [], exceeded: null }, 'once')
  t.match(
    judgeBudget(budget, used(0), used(11)),
    { near: [], exceeded: { used: 11 } },
    'both at once: the end',
  )
  t.match(exhausted(budget, used(20)), { used: 20 }, 'and stays so')
})

t.test('what is not limited is not judged; of several, the one furthest over is named', async (t) => {
  t.same(judgeBudget({ usd: 1 }, used(0), used(1e9, 1e9, 0.5)), { near: [], exceeded: null })
  const both: Budget = { turns: 10, tokens: 100 }
  t.match(judgeBudget(both, used(0), used(8, 90)).near, [{ budget: 'turns' }, { budget: 'tokens' }])
  t.match(judgeBudget(both, used(0), used(11, 300)).exceeded, { budget: 'tokens', used: 300 })
  t.match(judgeBudget(both, used(0), used(8, 300)), {
    near: [{ budget: 'turns' }],
    exceeded: { budget: 'tokens' },
  })
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
      const warned: string[] = []
      let ends = 0
      for (let report = 0; report < 40 && ends === 0; report += 1) {
        const after = used(sums.turns + upTo(4), sums.tokens + upTo(900), sums.usd + random() / 20)
        const { near, exceeded } = judgeBudget(budget, sums, after)
        warned.push(...near.map((spent) => spent.budget))
        if (exceeded) ends += 1
        if (Boolean(exceeded) !== Boolean(exhausted(budget, after)))
          t.fail(`run ${run}: ran out, and was not told`, { budget, sums, after })
        for (const { used: so, allowed } of near)
          if (so / allowed < 0.8 - 1e-6 || so >= allowed) t.fail('near is from 0.8 to 1', { so, allowed })
        sums = after
      }
      if (new Set(warned).size !== warned.length) t.fail(`run ${run}: warned twice`, { warned })
    }
  },
)
