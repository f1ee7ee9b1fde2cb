/** Who is in a lane and who waits there, whatever comes and goes. */
import t from 'tap'
import { entranceTo, LINE_BOUND, ON_CONFLICT } from '../machines/lanes.ts'
import { Lanes } from '../src/lanes.ts'

t.test('who may come in', async (t) => {
  for (const how of ON_CONFLICT) t.equal(entranceTo({ held: false, waiting: 0 }, how), 'at_once')
  t.equal(entranceTo({ held: true, waiting: 0 }, 'reject'), 'busy')
  t.equal(entranceTo({ held: true, waiting: LINE_BOUND }, 'replace'), 'next')
  t.equal(entranceTo({ held: true, waiting: LINE_BOUND - 1 }, 'queue'), 'in_line')
  t.equal(entranceTo({ held: true, waiting: LINE_BOUND }, 'queue'), 'full')
})

t.test('the line is first in, first out; who replaces goes before it, and the later of two', async (t) => {
  const lanes = new Lanes<string>()
  lanes.hold('l', 'a')
  lanes.queue('l', 'b')
  lanes.queue('l', 'c')
  t.equal(lanes.replace('l', 'd'), undefined)
  t.equal(lanes.replace('l', 'e'), 'd')
  t.same(lanes.waiting('l'), ['e', 'b', 'c'])
  t.equal(lanes.next('l'), 'e')
  t.equal(lanes.leave('l', 'b'), undefined, 'it does not hold it')
  t.equal(lanes.leave('l', 'a'), 'e')
  t.equal(lanes.holder('l'), 'e')
  t.equal(lanes.next('l'), undefined, 'nobody replaces it')
  lanes.withdraw('l', 'b')
  t.equal(lanes.leave('l', 'e'), 'c')
  t.equal(lanes.leave('l', 'c'), undefined)
  t.same(lanes.names(), [], 'nothing is kept of a lane that nobody is in')
})

t.test('100,000 random steps: one holder at a time, every turn in order, nobody forgotten', async (t) => {
  const seed = Number(process.env.REEVE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`REEVE_SEED=${seed}`)
  let state = seed
  const dice = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
  const lanes = new Lanes<number>()
  const names = ['a', 'b', 'c']
  // The same, as plainly as it can be said.
  const model = new Map(names.map((name) => [name, { all: [] as number[], next: false }]))
  for (let who = 0; who < 100_000; who += 1) {
    const name = names[dice(3)] as string
    const lane = model.get(name) as { all: number[]; next: boolean }
    const { all } = lane
    const [holder] = all
    switch (dice(4)) {
      case 0: {
        if (holder === undefined) lanes.hold(name, who)
        else lanes.queue(name, who)
        all.push(who)
        break
      }
      case 1: {
        if (holder === undefined) {
          lanes.hold(name, who)
          all.push(who)
          break
        }
        const supplanted = lane.next ? all.splice(1, 1)[0] : undefined
        if (lanes.replace(name, who) !== supplanted) t.fail(`supplanted, seed ${seed}, step ${who}`)
        all.splice(1, 0, who)
        lane.next = true
        break
      }
      case 2: {
        if (holder === undefined) break
        all.shift()
        lane.next = false
        if (lanes.leave(name, holder) !== all[0]) t.fail(`the turn, seed ${seed}, step ${who}`)
        break
      }
      default: {
        if (all.length < 2) break
        const at = 1 + dice(all.length - 1)
        if (at === 1) lane.next = false
        lanes.withdraw(name, all.splice(at, 1)[0] as number)
      }
    }
    const [first, ...rest] = all
    if (lanes.holder(name) !== first || (dice(50) === 0 && lanes.waiting(name).join() !== rest.join()))
      throw new Error(`seed ${seed}, step ${who}`)
  }
  t.pass()
})
