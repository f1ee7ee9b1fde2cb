/**
 * OTP's `supervisor_SUITE`, case by case, for groups of processes: the title of a test says which cases it holds.
 *
 * Of its cases these have nothing to say here:
 *
 * - `sup_start_ignore_*` (7), `sup_start_map*` (3), `sup_start_error_return`, `sup_start_fail`, `extra_return`,
 *   `simple_one_for_one_extra`, `simple_one_for_one_restart_ignore`, `faulty_application_shutdown`, `get_callback_module`,
 *   `check_startspec`: init callbacks, start functions and what they return. A process has none.
 * - `code_change*` (4), `significant_upgrade_*` (7), `format_log_*`, `external_start_no_progress_log`: code is not upgraded
 *   while it runs, and there is no such log.
 * - `simple_global_supervisor`, `already_started_outside_supervisor`, `child_unlink`, `simple_one_for_one_corruption`:
 *   global names, links, and messages by which a child harms its supervisor. A process has no hold on its own.
 * - `simple_one_for_one*`, `child_adm_simple`, `hanging_restart_loop_simple`: all members of a group are added while it
 *   runs; what their cases say of strategy and intensity is said by those of `one_for_one`.
 *
 * Elsewhere: `child_specs`, `sup_flags`, `child_adm` are refusals of the public API (`test/scenarios/groups.test.ts`);
 * `sup_stop_*` are the stop ladder (`test/machines/escalation.test.ts`, `test/scenarios/ending.test.ts`).
 *
 * On purpose otherwise: a member that has ended for good, `transient` and well or by a user's wish, does not come back
 * with its group (its handle said that it would not), and a group that is started again brings its members along, where
 * OTP forgets those that were added while it ran. A failure to start that no retry mends is not tried until the
 * intensity is exceeded: the group gives up at once, or in a `one_for_one` group that member ends alone.
 */
import t from 'tap'
import { STRATEGIES } from '../../machines/strategies.ts'
import { Crew, user } from './crew.ts'

const crewOf = (strategy: (typeof STRATEGIES)[number], ...names: string[]): Crew => {
  const crew = new Crew()
  crew.open('crew', { strategy })
  for (const name of names) crew.start('crew', name)
  return crew
}

t.test('sup_start_normal: a group starts empty, and ends when it is stopped', async (t) => {
  const crew = new Crew()
  crew.open('crew')
  t.equal(crew.state('crew'), 'running')
  crew.stopGroup('crew')
  t.equal(crew.state('crew'), 'stopped')
})

t.test('{permanent,transient,temporary}_{normal,shutdown,abnormal}: which ends come back', async (t) => {
  const table = [
    ['permanent', 0, 2],
    ['permanent', 1, 2],
    ['transient', 0, 0],
    ['transient', 1, 2],
    ['temporary', 0, 0],
    ['temporary', 1, 0],
  ] as const
  for (const strategy of STRATEGIES)
    for (const [type, code, life] of table) {
      const crew = crewOf(strategy)
      crew.start('crew', 'child1', { type })
      crew.fell('child1', code)
      t.equal(crew.life('child1'), life, `${strategy}: ${type}, exit ${code}`)
      t.equal(crew.isKept('child1'), life > 0)
      t.equal(crew.state('crew'), 'running')
    }
})

t.test(
  'temporary_bystander: a temporary member that is ended with the others does not come back',
  async (t) => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const crew = crewOf(strategy, 'child1')
      crew.start('crew', 'child2', { type: 'temporary' })
      crew.fell('child1')
      t.same(crew.livesOf('child1', 'child2'), [2, 0])
      t.match(crew.end('child2'), { to: 'killed', reason: { kind: 'strategy', by: 'crew' } })
      t.equal(crew.state('crew'), 'running')
    }
  },
)

t.test('multiple_restarts (scenario 23): intensity 1 in 1 s survives a crash every 2.1 s', async (t) => {
  const crew = new Crew()
  crew.open('crew', { restarts: 1, withinMs: 1_000 })
  crew.start('crew', 'child1')
  for (let i = 0; i < 4; i += 1) {
    crew.exit('child1')
    crew.settle(2_100)
  }
  t.equal(crew.life('child1'), 5)
  crew.exit('child1')
  crew.settle(100)
  crew.fell('child1')
  t.equal(crew.state('crew'), 'failed', 'two within the second exceed it')
})

t.test('one_for_one: the one that fails comes back, and the window is shared (scenario 23)', async (t) => {
  const crew = crewOf('one_for_one', 'child1', 'child2')
  crew.fell('child1')
  t.same(crew.livesOf('child1', 'child2'), [2, 1])
  crew.fell('child2')
  t.same(crew.livesOf('child1', 'child2'), [2, 2])
  crew.fell('child1')
  t.equal(crew.state('crew'), 'failed', 'three failures of two members')
  t.same(crew.livesOf('child1', 'child2'), [0, 0])
  t.match(crew.end('child1'), {
    to: 'crashed',
    error: {
      code: 'restart_intensity_exceeded',
      message: /more than 2 restarts within 3600000 ms \(intensity of group crew\)/,
    },
    evidence: { notRestarted: 'restart intensity exceeded' },
  })
  t.match(crew.end('child2'), {
    to: 'killed',
    reason: { kind: 'strategy', by: 'crew', message: /child1 crashed; more than 2/ },
  })
  t.same(
    crew.groups.map(({ path, state }) => `${path} ${state}`),
    ['crew giving_up', 'crew failed'],
  )
})

t.test(
  'one_for_all: all are ended from the last to the first, and started from the first to the last',
  async (t) => {
    const crew = crewOf('one_for_all', 'child1', 'child2', 'child3')
    const from = crew.told.length
    crew.fell('child2')
    t.same(crew.livesOf('child1', 'child2', 'child3'), [2, 2, 2])
    t.same(crew.since(from, 'terminating', 'killed', 'crashed', 'spawning', 'running'), [
      'child2 crashed',
      'child3 terminating',
      'child3 killed',
      'child1 terminating',
      'child1 killed',
      'child1 spawning',
      'child1 running',
      'child2 spawning',
      'child2 running',
      'child3 spawning',
      'child3 running',
    ])
    const killed = crew.told.find(({ entry }) => entry.agentId === 'child3' && entry.to === 'killed')
    t.match(killed, {
      ended: false,
      entry: { reason: { kind: 'strategy', by: 'crew', message: 'child2 crashed (one_for_all)' } },
    })
    crew.fell('child1')
    t.same(crew.livesOf('child1', 'child2', 'child3'), [3, 3, 3])
    crew.fell('child3')
    t.equal(
      crew.state('crew'),
      'failed',
      'one failure counts once, whomever it takes along; the third is one too many',
    )
  },
)

t.test('rest_for_one: those before it keep running, those after it go with it (scenario 24)', async (t) => {
  const crew = crewOf('rest_for_one', 'child1', 'child2', 'child3', 'child4')
  const from = crew.told.length
  crew.fell('child2')
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [1, 2, 2, 2])
  t.same(crew.since(from, 'killed', 'crashed', 'running'), [
    'child2 crashed',
    'child4 killed',
    'child3 killed',
    'child2 running',
    'child3 running',
    'child4 running',
  ])
  crew.fell('child4')
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [1, 2, 2, 3])
  crew.fell('child1')
  t.equal(crew.state('crew'), 'failed')
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [0, 0, 0, 0])
})

t.test('{one_for_one,one_for_all,rest_for_one}_escalation: a restart that fails counts again', async (t) => {
  for (const strategy of STRATEGIES) {
    const crew = new Crew()
    crew.open('crew', { strategy, restarts: 4 })
    crew.start('crew', 'child1')
    crew.start('crew', 'child2')
    crew.unlaunchable.set('child1', ['EAGAIN', 'EAGAIN', 'EAGAIN', 'EAGAIN'])
    crew.fell('child1')
    t.equal(crew.state('crew'), 'failed', strategy)
    t.equal(crew.end('child1')?.error?.code, 'restart_intensity_exceeded')
    t.same(crew.livesOf('child1', 'child2'), [0, 0])
    t.same(crew.broken, [])
  }
})

t.test(
  'one_for_all_other_child_fails_restart (scenario 24): the one that had started is ended again',
  async (t) => {
    const crew = new Crew()
    crew.open('crew', { strategy: 'one_for_all', restarts: 3 })
    crew.start('crew', 'child1')
    crew.start('crew', 'child2')
    crew.unlaunchable.set('child2', ['EAGAIN'])
    const from = crew.told.length
    crew.fell('child1')
    t.same(crew.since(from, 'killed', 'crashed', 'running'), [
      'child1 crashed',
      'child2 killed',
      'child1 running',
      'child2 crashed',
      'child1 killed',
      'child1 running',
      'child2 running',
    ])
    t.equal(crew.state('crew'), 'running')
  },
)

t.test('rest_for_one_other_child_fails_restart: the one before it is left as it is', async (t) => {
  const crew = new Crew()
  crew.open('crew', { strategy: 'rest_for_one', restarts: 3 })
  for (const name of ['child1', 'child2', 'child3']) crew.start('crew', name)
  crew.unlaunchable.set('child2', ['EAGAIN'])
  const from = crew.told.length
  crew.fell('child1')
  t.same(crew.since(from, 'killed', 'crashed', 'running'), [
    'child1 crashed',
    'child3 killed',
    'child2 killed',
    'child1 running',
    'child2 crashed',
    'child2 running',
    'child3 running',
  ])
})

t.test('hanging_restart_loop: a member, and a group, are stopped in the middle of it', async (t) => {
  for (const strategy of STRATEGIES) {
    const crew = crewOf(strategy)
    crew.start('crew', 'child1', { delayMs: 60_000 })
    crew.exit('child1')
    crew.settle(1_000)
    t.match(crew.state('crew'), strategy === 'one_for_one' ? 'running' : 'regrouping.pausing')
    crew.stop('child1')
    t.match(
      crew.end('child1'),
      { from: 'restarting', to: 'killed', reason: { kind: 'user' } },
      'at once, and for good',
    )
    crew.start('crew', 'child2', { delayMs: 60_000 })
    crew.settle(60_000)
    t.equal(crew.state('crew'), 'running')
    t.same(crew.livesOf('child1', 'child2'), [0, 1])
    crew.exit('child2')
    crew.settle(1_000)
    crew.stopGroup('crew')
    t.equal(crew.state('crew'), 'stopped')
    t.match(crew.end('child2'), { from: 'restarting', to: 'killed', reason: { kind: 'user' } })
    t.equal(crew.clock.pending, 0, 'no timer is left')
  }
})

t.test('hanging_restart_loop_rest_for_one: without the one that was stopped, the rest starts', async (t) => {
  const crew = crewOf('rest_for_one', 'child1')
  crew.start('crew', 'child2', { delayMs: 60_000 })
  crew.start('crew', 'child3')
  crew.exit('child2')
  crew.settle(5_000)
  t.same(crew.livesOf('child1', 'child2', 'child3'), [1, 0, 0])
  crew.stop('child2')
  crew.settle(60_000)
  t.same(crew.livesOf('child1', 'child2', 'child3'), [1, 0, 2])
})

t.test(
  'count_children, count_restarting_children: who has not ended is kept, whatever it is at',
  async (t) => {
    const crew = crewOf('one_for_all', 'child1', 'child2')
    crew.start('crew', 'child3', { delayMs: 60_000 })
    crew.exit('child3')
    crew.settle(5_000)
    t.ok(['child1', 'child2', 'child3'].every((name) => crew.isKept(name)))
    t.same(crew.livesOf('child1', 'child2', 'child3'), [0, 0, 0])
    crew.settle(60_000)
    t.same(crew.livesOf('child1', 'child2', 'child3'), [2, 2, 2])
  },
)

t.test('do_not_save_*_for_temporary_children: nothing is kept of one that has ended', async (t) => {
  const crew = crewOf('one_for_one')
  for (let i = 0; i < 100; i += 1) {
    crew.start('crew', `child${i}`, { type: 'temporary' })
    crew.fell(`child${i}`, i % 2)
  }
  const { shared } = crew.root.getSnapshot().context.children
  const place = shared.places.get('/crew')
  t.equal(place?.children.byId.size, 0)
  t.equal(shared.places.size, 1)
  t.equal(shared.untold, 0)
})

t.test(
  'order_of_children: the order is that in which they were started, and a restart keeps it',
  async (t) => {
    const crew = crewOf('rest_for_one', 'child1', 'child2', 'child3')
    crew.stop('child1')
    crew.settle()
    crew.again('child1')
    crew.fell('child2')
    t.same(
      crew.livesOf('child1', 'child2', 'child3'),
      [2, 2, 2],
      'it came back before them: it keeps running',
    )
  },
)

t.test('scale_start_stop_many_children, simple_one_for_one_scale_*: 500 come and go', async (t) => {
  const crew = new Crew()
  crew.open('crew')
  for (let i = 0; i < 500; i += 1) crew.enlist('crew', `child${i}`, { type: 'temporary' })
  crew.settle()
  t.equal([...crew.lives.values()].filter(({ alive }) => alive).length, 500)
  crew.stopGroup('crew')
  crew.settle()
  t.equal(crew.state('crew'), 'stopped')
  t.equal([...crew.lives.values()].filter(({ alive }) => alive).length, 0)
})

t.test('tree: a group that gives up is a crashed child of its parent', async (t) => {
  const crew = new Crew()
  crew.open('top', { strategy: 'one_for_all', restarts: 4 })
  crew.open('top/sup1', { restarts: 4 })
  crew.start('top/sup1', 'child1')
  crew.start('top/sup1', 'child2')
  crew.open('top/sup2', { restarts: 1 })
  crew.start('top/sup2', 'child3')
  crew.start('top/sup2', 'child4')
  crew.open('top/sup3', { restart: 'transient' })
  crew.stopGroup('top/sup3')
  t.equal(crew.state('top/sup3'), 'stopped')

  crew.fell('child4')
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [1, 1, 1, 2], 'only the one that fails')
  const from = crew.told.length
  crew.fell('child3')
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [2, 2, 2, 3], 'the whole tree, in its order')
  t.same(crew.since(from, 'killed', 'crashed', 'spawning'), [
    'child3 crashed',
    'child4 killed',
    'child2 killed',
    'child1 killed',
    'child1 spawning',
    'child2 spawning',
    'child3 spawning',
    'child4 spawning',
  ])
  t.same(
    [crew.state('top'), crew.state('top/sup1'), crew.state('top/sup2')],
    ['running', 'running', 'running'],
  )
  t.equal(crew.state('top/sup3'), 'stopped', 'what was stopped stays stopped')
  t.same(crew.broken, [])
})

t.test('a tree gives up from the inside out: each parent decides as for an agent', async (t) => {
  const crew = new Crew()
  crew.open('top', { restarts: 1 })
  crew.start('top', 'neighbour')
  crew.open('top/inner', { restarts: 1 })
  crew.start('top/inner', 'child1')
  crew.start('top/inner', 'child2')
  crew.fell('child1')
  crew.fell('child1')
  t.equal(crew.state('top/inner'), 'running', 'the first time it is started again')
  t.same(crew.livesOf('neighbour', 'child1', 'child2'), [1, 3, 2])
  crew.fell('child2')
  t.same(crew.livesOf('neighbour', 'child1', 'child2'), [1, 3, 3], 'with a window of its own, empty again')
  crew.fell('child2')
  t.equal(crew.state('top/inner'), 'failed')
  t.equal(crew.state('top'), 'failed', 'twice is too often for the outer one')
  t.same(crew.livesOf('neighbour', 'child1', 'child2'), [0, 0, 0])
  t.same(
    ['neighbour', 'child1', 'child2'].map((name) => crew.end(name)?.to),
    ['killed', 'killed', 'killed'],
  )
  t.equal(crew.root.getSnapshot().status, 'active', 'the root goes on')
  t.equal(crew.root.getSnapshot().context.children.shared.places.size, 0)
})

t.test('an inner group that is temporary or transient stays over, as its policy says', async (t) => {
  for (const [restart, autoShutdown, type, state] of [
    ['temporary', 'never', 'permanent', 'failed'],
    ['transient', 'never', 'permanent', 'running'],
    ['transient', 'any_significant', 'temporary', 'stopped'],
    ['permanent', 'any_significant', 'temporary', 'running'],
  ] as const) {
    const crew = new Crew()
    crew.open('top', { restarts: 4 })
    crew.open('top/inner', { restarts: 0, restart, autoShutdown })
    crew.start('top/inner', 'child1', { type, significant: type === 'temporary' })
    crew.start('top/inner', 'child2')
    crew.fell('child1')
    t.equal(crew.state('top/inner'), state, `${restart}, ${autoShutdown}`)
    t.equal(crew.life('child2'), state === 'running' ? 2 : 0)
    t.equal(crew.state('top'), 'running')
  }
})

t.test('nonsignificant_{temporary,transient}: their ends shut nothing down', async (t) => {
  for (const autoShutdown of ['any_significant', 'all_significant'] as const)
    for (const [type, code] of [
      ['temporary', 0],
      ['temporary', 1],
      ['transient', 0],
    ] as const) {
      const crew = new Crew()
      crew.open('crew', { autoShutdown })
      crew.start('crew', 'child1', { type })
      crew.start('crew', 'child2')
      crew.fell('child1', code)
      t.equal(crew.state('crew'), 'running', `${autoShutdown}, ${type}, exit ${code}`)
    }
})

t.test(
  'significant_{temporary,transient}, significant_simple: theirs do, the first or the last of them',
  async (t) => {
    for (const strategy of STRATEGIES) {
      const crew = new Crew()
      const spawn = (autoShutdown: 'any_significant' | 'all_significant' | 'never') => {
        crew.open('crew', { strategy, autoShutdown, restarts: 9 })
        for (const name of ['child1', 'child2'])
          crew.start('crew', name, { type: 'temporary', significant: true })
        crew.start('crew', 'child3', { type: 'transient', significant: true })
        crew.start('crew', 'bystander')
      }
      spawn('any_significant')
      crew.fell('child3', 1)
      t.equal(crew.state('crew'), 'running', 'a transient one that crashes comes back')
      t.equal(crew.life('child3'), 2)
      crew.fell('child3', 0)
      t.equal(crew.state('crew'), 'stopped', 'one that ends well does not')
      t.match(crew.end('bystander'), {
        reason: { kind: 'strategy', message: /child3 completed \(autoShutdown: any_significant\)/ },
      })

      const all = new Crew()
      all.open('crew', { strategy: 'one_for_one', autoShutdown: 'all_significant' })
      for (const name of ['child1', 'child2'])
        all.start('crew', name, { type: 'temporary', significant: true })
      all.start('crew', 'bystander')
      all.fell('child1', 1)
      t.equal(all.state('crew'), 'running')
      all.stop('child2')
      all.settle()
      t.equal(all.state('crew'), 'running', 'whom a user ended has not ended by itself')
      all.start('crew', 'child4', { type: 'temporary', significant: true })
      all.fell('child4', 0)
      t.equal(all.state('crew'), 'stopped')
    }
  },
)

t.test('a significant member whose time is over between two lives shuts its group down, too', async (t) => {
  for (const strategy of STRATEGIES) {
    const crew = new Crew()
    crew.open('crew', { strategy, autoShutdown: 'any_significant' })
    crew.start('crew', 'child1', { type: 'transient', significant: true, delayMs: 60_000 })
    crew.start('crew', 'bystander')
    crew.fell('child1')
    t.equal(crew.statesOf('child1').at(-1), 'restarting')
    crew.send({ type: 'STOP', agentId: 'child1', reason: { kind: 'ttl', by: 'supervisor' } })
    crew.settle()
    t.match(crew.end('child1'), { to: 'killed', reason: { kind: 'ttl' } })
    t.equal(crew.state('crew'), 'stopped', strategy)
    t.match(crew.end('bystander'), {
      reason: { kind: 'strategy', message: /child1 ended \(ttl\) \(autoShutdown: any_significant\)/ },
    })
  }
})

t.test(
  'a significant member whose time is over while it is cleaned up after has ended by itself',
  async (t) => {
    const crew = new Crew()
    crew.open('crew', { strategy: 'one_for_one', autoShutdown: 'any_significant' })
    crew.start('crew', 'child1', { type: 'transient', significant: true })
    crew.start('crew', 'bystander')
    crew.exit('child1', 0)
    t.equal(crew.statesOf('child1').at(-1), 'reaping')
    crew.send({ type: 'STOP', agentId: 'child1', reason: { kind: 'ttl', by: 'supervisor' } })
    crew.settle()
    t.match(crew.end('child1'), { to: 'completed' })
    t.equal(crew.state('crew'), 'stopped')
  },
)

t.test(
  'significant_bystander: a significant member that is ended with the others shuts nothing down',
  async (t) => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const crew = new Crew()
      crew.open('crew', { strategy, autoShutdown: 'any_significant' })
      crew.start('crew', 'child1')
      crew.start('crew', 'child2', { type: 'temporary', significant: true })
      crew.fell('child1')
      t.same([crew.state('crew'), ...crew.livesOf('child1', 'child2')], ['running', 2, 0])
    }
  },
)

t.test(
  'significant_escalation: a group that shuts itself down may be the significant member of its parent',
  async (t) => {
    const crew = new Crew()
    crew.open('top', { autoShutdown: 'any_significant' })
    crew.start('top', 'bystander')
    crew.open('top/inner', { restart: 'transient', significant: true, autoShutdown: 'any_significant' })
    crew.start('top/inner', 'child1', { type: 'temporary', significant: true })
    crew.fell('child1', 0)
    t.same([crew.state('top/inner'), crew.state('top')], ['stopped', 'stopped'])
    t.match(crew.end('bystander'), {
      reason: { kind: 'strategy', message: /group top\/inner shut itself down/ },
    })
  },
)

t.test(
  'a new member that cannot be started ends alone; one that the others depend on takes the group along',
  async (t) => {
    for (const strategy of STRATEGIES) {
      const crew = crewOf(strategy, 'child1')
      crew.unlaunchable.set('child2', ['ENOENT'])
      crew.start('crew', 'child2')
      t.match(crew.end('child2'), { to: 'crashed', error: { code: 'spawn_failed', errno: 'ENOENT' } })
      t.equal(crew.state('crew'), 'running', strategy)
      t.equal(crew.life('child1'), 1)
      crew.start('crew', 'child3')
      crew.unlaunchable.set('child1', ['ENOENT'])
      crew.fell('child1')
      const dependent = strategy !== 'one_for_one'
      t.same([crew.state('crew'), crew.life('child3')], dependent ? ['failed', 0] : ['running', 1])
      if (dependent)
        t.match(crew.end('child3')?.reason, {
          kind: 'strategy',
          message: 'child1 crashed, and cannot come back',
        })
    }
    const coded = crewOf('one_for_all', 'child1')
    coded.start('crew', 'child2', { noRetry: [64] })
    coded.fell('child2', 64)
    t.equal(coded.state('crew'), 'failed', 'an exit code after which no retry follows')
  },
)

t.test('a group that gives up while it starts its members begins no more of them', async (t) => {
  const crew = crewOf('one_for_all', 'child1', 'child2', 'child3')
  crew.unlaunchable.set('child1', ['ENOENT'])
  const before = crew.told.length
  crew.fell('child3')
  t.match(crew.end('child1'), { to: 'crashed', error: { errno: 'ENOENT' } })
  t.same(crew.since(before, 'spawning'), ['child1 spawning'])
  t.same(crew.livesOf('child2', 'child3'), [0, 0])
  t.equal(crew.state('crew'), 'failed')
})

t.test('what no restart would mend is not tried by the groups around it either', async (t) => {
  const crew = new Crew()
  crew.open('top', { restarts: 4 })
  crew.start('top', 'neighbour')
  crew.open('top/inner', { strategy: 'one_for_all' })
  crew.start('top/inner', 'child1')
  crew.start('top/inner', 'child2')
  crew.unlaunchable.set('child1', ['EACCES'])
  crew.fell('child1')
  t.same([crew.state('top/inner'), crew.state('top')], ['failed', 'running'])
  t.same(crew.livesOf('neighbour', 'child2'), [1, 0])
})

t.test(
  'a cascade is one failure: those that crash while they wait to be ended count for nothing',
  async (t) => {
    const crew = new Crew()
    crew.open('crew', { strategy: 'one_for_all', restarts: 1 })
    for (const name of ['child1', 'child2', 'child3']) crew.start('crew', name)
    crew.unwilling.add('child3')
    crew.fell('child1')
    crew.exit('child1')
    crew.settle(100)
    t.equal(crew.state('crew'), 'giving_up', 'the second failure is one too many')
    const other = crewOf('one_for_all', 'child1', 'child2', 'child3')
    for (const name of ['child1', 'child2', 'child3']) other.exit(name)
    other.settle()
    t.same([other.state('crew'), ...other.livesOf('child1', 'child2', 'child3')], ['running', 2, 2, 2])
    for (const name of ['child3', 'child2', 'child1']) other.exit(name)
    other.settle()
    t.same([other.state('crew'), ...other.livesOf('child1', 'child2', 'child3')], ['running', 3, 3, 3])
  },
)

t.test(
  'a failure outside of what is being ended counts, and those that go with it are ended too',
  async (t) => {
    const crew = crewOf('rest_for_one', 'child1', 'child2')
    crew.unwilling.add('child3')
    crew.start('crew', 'child3')
    crew.exit('child2')
    crew.settle(200)
    t.equal(crew.state('crew'), 'regrouping.ending', 'child3 takes its time')
    crew.exit('child1')
    crew.settle()
    t.same(crew.livesOf('child1', 'child2', 'child3'), [2, 2, 2])
    crew.fell('child1')
    t.equal(crew.state('crew'), 'failed', 'both counted')
  },
)

t.test('a new member of a group that regroups begins in its turn', async (t) => {
  const crew = crewOf('one_for_all', 'child1')
  crew.unwilling.add('child2')
  crew.start('crew', 'child2')
  crew.exit('child1')
  crew.settle(100)
  const from = crew.told.length
  crew.enlist('crew', 'child3')
  crew.open('crew/inner')
  crew.enlist('crew/inner', 'child4')
  crew.settle(200)
  t.equal(crew.state('crew'), 'regrouping.ending')
  t.equal(crew.life('child3'), 0)
  crew.settle()
  t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [2, 2, 1, 1])
  t.same(
    crew.since(from, 'running').filter((each) => !each.startsWith('child4')),
    ['child1 running', 'child2 running', 'child3 running'],
  )
})

t.test("a user's wish holds while the group regroups: stop, kill, restart", async (t) => {
  const begin = () => {
    const crew = crewOf('one_for_all', 'child1', 'child2')
    crew.unwilling.add('child3')
    crew.start('crew', 'child3')
    crew.exit('child1')
    crew.settle(100)
    return crew
  }
  for (const agentId of ['child1', 'child2', 'child3'])
    for (const type of ['STOP', 'KILL'] as const) {
      const crew = begin()
      crew.send({ type, agentId, reason: user })
      crew.settle()
      const expected = ['child1', 'child2', 'child3'].map((name) => (name === agentId ? 0 : 2))
      t.same(crew.livesOf('child1', 'child2', 'child3'), expected, `${type} ${agentId}`)
      t.match(crew.end(agentId), { to: 'killed', reason: { kind: 'user' } })
      t.equal(crew.state('crew'), 'running')
    }
  for (const agentId of ['child1', 'child2', 'child3']) {
    const crew = begin()
    crew.send({ type: 'RESTART', agentId, reason: user })
    crew.settle()
    t.same(crew.livesOf('child1', 'child2', 'child3'), [2, 2, 2], `RESTART ${agentId}`)
  }
  const paused = crewOf('one_for_all', 'child1')
  paused.start('crew', 'child2', { delayMs: 60_000 })
  paused.exit('child2')
  paused.settle(10_000)
  t.same([paused.state('crew'), ...paused.livesOf('child1', 'child2')], ['regrouping.pausing', 0, 0])
  paused.send({ type: 'RESTART', agentId: 'child1', reason: user })
  paused.settle(1_000)
  t.same(paused.livesOf('child1', 'child2'), [2, 2], 'a restart waits for no backoff')
})

t.test('one that had ended, restarted while its group regroups, says that it is to come back', async (t) => {
  const crew = crewOf('one_for_all', 'child1', 'child2')
  crew.start('crew', 'child3', { delayMs: 60_000 })
  crew.send({ type: 'STOP', agentId: 'child2', reason: user })
  crew.settle()
  crew.exit('child3')
  crew.settle(10_000)
  t.equal(crew.state('crew'), 'regrouping.pausing')
  crew.again('child2')
  t.match(crew.told.findLast(({ entry }) => entry.agentId === 'child2')?.entry, {
    from: 'killed',
    to: 'restarting',
    event: 'regroup',
    incarnation: 1,
  })
  crew.settle(60_000)
  t.same(crew.livesOf('child1', 'child2', 'child3'), [2, 2, 2])
})

t.test('stop and restart of a member concern nobody else, and count for nothing', async (t) => {
  for (const strategy of STRATEGIES) {
    const crew = crewOf(strategy, 'child1', 'child2', 'child3')
    for (let i = 0; i < 4; i += 1) {
      crew.send({ type: 'RESTART', agentId: 'child2', reason: user })
      crew.settle()
    }
    t.same(crew.livesOf('child1', 'child2', 'child3'), [1, 5, 1])
    crew.stop('child2')
    crew.settle()
    t.same(crew.livesOf('child1', 'child2', 'child3'), [1, 0, 1])
    crew.again('child2')
    t.same(crew.livesOf('child1', 'child2', 'child3'), [1, 6, 1])
    t.equal(crew.state('crew'), 'running')
  }
})

t.test(
  'a stopped group ends its members in reverse order, each after the one behind it is gone',
  async (t) => {
    const crew = new Crew()
    crew.open('crew', { strategy: 'rest_for_one' })
    crew.start('crew', 'child1')
    crew.open('crew/inner', { strategy: 'one_for_all' })
    crew.start('crew/inner', 'child2')
    crew.start('crew/inner', 'child3')
    crew.start('crew', 'child4')
    const from = crew.told.length
    crew.stopGroup('crew')
    crew.settle()
    const pairs = ['child4', 'child3', 'child2', 'child1'].flatMap((name) => [
      `${name} terminating`,
      `${name} killed`,
    ])
    t.same(crew.since(from, 'terminating', 'killed'), pairs)
    t.same([crew.state('crew'), crew.state('crew/inner')], ['stopped', 'stopped'])
    t.match(crew.end('child2')?.reason, user)
    t.same(
      crew.groups.map(({ path, state }) => `${path} ${state}`),
      ['crew/inner stopped', 'crew stopped'],
    )

    const abreast = crewOf('one_for_one', 'child1', 'child2')
    const since = abreast.told.length
    abreast.stopGroup('crew')
    abreast.settle()
    t.same(abreast.since(since, 'terminating'), ['child2 terminating', 'child1 terminating'])
  },
)

t.test(
  'a stop is bounded: at its limit all that still lives is killed, in groups within it too',
  async (t) => {
    const crew = new Crew()
    crew.open('crew', { strategy: 'one_for_all' })
    crew.open('crew/inner', { strategy: 'one_for_all' })
    for (const [group, name] of [
      ['crew', 'child1'],
      ['crew/inner', 'child2'],
      ['crew/inner', 'child3'],
      ['crew', 'child4'],
    ] as const) {
      crew.unwilling.add(name)
      crew.start(group, name)
    }
    crew.send({ type: 'END_GROUP', path: 'crew', reason: user, killAfterMs: 1_500 })
    crew.settle(1_400)
    t.equal(crew.life('child1'), 1)
    crew.settle(300)
    t.same([crew.state('crew'), crew.state('crew/inner')], ['stopped', 'stopped'])
    t.same(crew.livesOf('child1', 'child2', 'child3', 'child4'), [0, 0, 0, 0])
  },
)

t.test('a shutdown of the root covers its groups, wherever they stand', async (t) => {
  for (const strategy of STRATEGIES)
    for (const moment of ['running', 'ending', 'pausing', 'starting', 'giving_up', 'resting'] as const) {
      const crew = new Crew()
      crew.open('top', { strategy: 'one_for_one', restarts: 9 })
      crew.open('top/crew', { strategy, restarts: moment === 'giving_up' || moment === 'resting' ? 0 : 3 })
      crew.enlist('top/crew', 'child1', { delayMs: moment === 'pausing' ? 60_000 : 0 })
      crew.settle()
      if (moment === 'ending' || moment === 'giving_up') crew.unwilling.add('child2')
      crew.start('top/crew', 'child2')
      if (moment === 'starting') crew.unlaunchable.set('child1', ['EAGAIN', 'EAGAIN'])
      if (moment !== 'running') crew.exit('child1')
      crew.settle(moment === 'resting' ? 1_000 : 100)
      crew.send({
        type: 'SHUTDOWN',
        reason: { kind: 'shutdown', by: 'test' },
        killAfterMs: 5_000,
        giveUpAfterMs: 9_000,
      })
      crew.settle(6_000)
      t.equal(crew.root.getSnapshot().status, 'done', `${strategy}, ${moment}`)
      t.same(crew.livesOf('child1', 'child2'), [0, 0])
      t.ok(crew.end('child1') && crew.end('child2'), 'each end is told')
      t.equal(crew.clock.pending, 0, 'no timer is left')
      t.same([crew.broken, crew.faults], [[], []])
    }
})

t.test('a group that is over is opened anew, empty, with a window of its own', async (t) => {
  const crew = new Crew()
  crew.open('crew', { restarts: 0 })
  crew.start('crew', 'child1')
  crew.fell('child1')
  t.equal(crew.state('crew'), 'failed')
  crew.open('crew', { restarts: 1 })
  crew.start('crew', 'child1b')
  crew.fell('child1b')
  t.same([crew.state('crew'), crew.life('child1b')], ['running', 2])
})

t.test('who comes too late for a group is told so, and is never started', async (t) => {
  const crew = crewOf('one_for_all', 'child1')
  crew.unwilling.add('child1')
  crew.stopGroup('crew')
  crew.enlist('crew', 'late')
  crew.enlist('nowhere', 'lost')
  for (const agentId of ['late', 'lost'])
    t.match(crew.end(agentId), {
      from: null,
      to: 'crashed',
      event: 'spawn_failed',
      error: { code: 'group_over' },
    })
  crew.settle()
  t.equal(crew.state('crew'), 'stopped')
  t.notOk([...crew.lives.keys()].some((key) => key.startsWith('late') || key.startsWith('lost')))
  t.equal(crew.root.getSnapshot().context.children.shared.untold, 0)
})

t.test('one that had ended, restarted when its group is about to be over, ends anew', async (t) => {
  const crew = crewOf('one_for_all', 'child1', 'child2')
  crew.send({ type: 'STOP', agentId: 'child2', reason: user })
  crew.settle()
  crew.unwilling.add('child1')
  crew.stopGroup('crew')
  const before = crew.told.length
  crew.again('child2')
  t.match(
    crew.told.slice(before).filter(({ entry }) => entry.agentId === 'child2'),
    [
      { entry: { from: 'killed', to: 'restarting' }, ended: false },
      { entry: { from: 'restarting', to: 'crashed', error: { code: 'group_over' } }, ended: true },
    ],
    'its end is a change of state, which whoever waits for it hears of',
  )
  t.equal(crew.root.getSnapshot().context.children.shared.untold, 0)
})

t.test('a fault in the logic of one life ends that member alone', async (t) => {
  const crew = new Crew({ sabotage: (effect, life) => life.agentId === 'faulty' && effect === 'takeRung' })
  crew.open('crew', { strategy: 'one_for_all' })
  crew.start('crew', 'child1')
  crew.start('crew', 'faulty')
  crew.stop('faulty')
  crew.settle()
  t.match(crew.end('faulty'), { to: 'crashed', error: { code: 'internal' } })
  t.same([crew.state('crew'), crew.life('child1')], ['running', 1])
})

t.test('each group is an actor of its own, under its parent', async (t) => {
  const crew = new Crew()
  crew.open('top')
  crew.open('top/inner')
  const { places } = crew.root.getSnapshot().context.children.shared
  const [top, inner] = ['/top', '/top/inner'].map((key) => places.get(key))
  t.equal(inner?.group.id, 'group:top/inner')
  t.equal(inner?.group._parent, top?.keeper)
  t.equal(top?.group._parent?._parent, crew.root)
})
