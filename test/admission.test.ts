/** When the machine has no room for another agent. */
import { join } from 'node:path'
import t from 'tap'
import { Admission } from '../src/admission.ts'
import { SteppingClock } from '../src/index.ts'
import type { AdmissionOptions } from '../src/options.ts'
import { realOutside } from '../src/outside.ts'
import { type Capacity, capacityNow } from '../src/process/capacity.ts'
import { superviseIn } from '../src/supervisor.ts'
import { crew, FOREVER, nothingIsLeft, refusal, soon, temporaryFolder, until } from './support.ts'

nothingIsLeft(t)

const MIB = 2 ** 20
const GIB = 2 ** 30

/** A machine of which a test says what is left. */
function machine(options: AdmissionOptions, left: Partial<Capacity>) {
  const clock = new SteppingClock()
  const warnings: string[] = []
  const seen = { looks: 0, ...left }
  const admission = new Admission(options, {
    clock,
    capacity: () => {
      seen.looks += 1
      return { memoryFreeBytes: seen.memoryFreeBytes, cpuLoad: seen.cpuLoad }
    },
    warn: ({ message }) => warnings.push(message),
  })
  return { admission, clock, seen, warnings }
}

t.test('a refusal names what is short, how much there is, the limit, and the way out', async (t) => {
  const little = machine({ memoryFree: '512mb' }, { memoryFreeBytes: 300 * MIB, cpuLoad: 90 })
  t.match(await refusal(() => little.admission.admit('coder'), 'resource_exhausted'), {
    field: 'admission.memoryFree',
    message:
      'coder is not begun: 300 MB of memory are free, and 512 MB have to be (admission.memoryFree). End an agent or wait, or change the limit.',
  })
  const busy = machine({ memoryFree: '512mb', cpuLoad: 1.5 }, { memoryFreeBytes: GIB, cpuLoad: 1.51 })
  t.match(await refusal(() => busy.admission.admit('coder'), 'resource_exhausted'), {
    field: 'admission.cpuLoad',
    message: /the load of each CPU is 1\.51, over the last minute, and it may be 1\.5/,
  })
})

t.test('exactly at the limit there is room; nothing is looked at that nobody asked for', async (t) => {
  machine({ memoryFree: GIB, cpuLoad: 2 }, { memoryFreeBytes: GIB, cpuLoad: 2 }).admission.admit('coder')
  const free = machine({}, {})
  free.admission.admit('coder')
  t.equal(free.seen.looks, 0)
})

t.test('it is looked at once a second at most', async (t) => {
  const { admission, clock, seen } = machine({ memoryFree: GIB }, { memoryFreeBytes: 2 * GIB })
  for (let i = 0; i < 1_000; i += 1) admission.admit('coder')
  t.equal(seen.looks, 1)
  seen.memoryFreeBytes = 0
  clock.advance(999)
  admission.admit('coder')
  clock.advance(1)
  await refusal(() => admission.admit('coder'), 'resource_exhausted')
  t.equal(seen.looks, 2)
})

t.test('what cannot be read refuses nobody, and that is said once', async (t) => {
  const { admission, warnings } = machine({ memoryFree: GIB, cpuLoad: 1 }, {})
  for (let i = 0; i < 3; i += 1) admission.admit('coder')
  t.match(warnings, [/admission\.memoryFree cannot be judged/, /admission\.cpuLoad cannot be judged/])
})

const MEMINFO = 'MemTotal:       8000000 kB\nMemFree:          1000 kB\nMemAvailable:   4194304 kB\n'
const files = (of: Record<string, string>) => (path: string) =>
  ({ '/proc/meminfo': MEMINFO, '/proc/loadavg': '3.00 2.00 1.00 1/2 3\n', ...of })[path]

t.test('memory is what the machine can give, and the load that of each CPU', async (t) => {
  t.same(capacityNow(files({}), 2), { memoryFreeBytes: 4 * GIB, cpuLoad: 1.5 })
  t.same(
    capacityNow(() => undefined, 2),
    { memoryFreeBytes: undefined, cpuLoad: undefined },
  )
})

t.test('in control groups it is what the tightest of them leaves; idle files are given back', async (t) => {
  const second = {
    '/proc/self/cgroup': '0::/crew.slice/reeve.service\n',
    '/proc/self/mountinfo': '29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n',
    '/sys/fs/cgroup/crew.slice/reeve.service/memory.max': 'max\n',
    '/sys/fs/cgroup/crew.slice/reeve.service/memory.current': `${900 * MIB}\n`,
    '/sys/fs/cgroup/crew.slice/memory.max': `${GIB}\n`,
    '/sys/fs/cgroup/crew.slice/memory.current': `${900 * MIB}\n`,
    '/sys/fs/cgroup/crew.slice/memory.stat': `anon 1\ninactive_file ${100 * MIB}\nactive_file 7\n`,
  }
  t.equal(capacityNow(files(second), 1).memoryFreeBytes, 224 * MIB)
  const first = {
    '/proc/self/cgroup': '4:cpu,memory:/docker/abc\n1:cpu:/\n0::/\n',
    '/proc/self/mountinfo':
      '30 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n36 23 0:33 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${512 * MIB}\n`,
    '/sys/fs/cgroup/memory/memory.usage_in_bytes': `${600 * MIB}\n`,
  }
  t.equal(capacityNow(files(first), 1).memoryFreeBytes, 0, 'never less than nothing')
})

t.test('spawn and a restart of what had ended are refused; a policy replaces what was there', async (t) => {
  let memoryFreeBytes = 2 * GIB
  const reeve = await superviseIn(
    { ...realOutside, capacity: () => ({ memoryFreeBytes, cpuLoad: 0 }) },
    { home: join(temporaryFolder(t), 'home'), launcher: 'inline', admission: { memoryFree: '1gb' } },
  )
  t.teardown(() => reeve.stop())
  const restart = { policy: 'permanent', backoff: { initial: '1ms' } } as const
  const again = reeve.spawn({ name: 'again', command: FOREVER, restart })
  const gone = reeve.spawn({ name: 'gone', command: ['true'] })
  await soon(gone.ended, 'ended')
  const asked = (): unknown => {
    try {
      return reeve.spawn({ command: ['true'] })
    } catch (error) {
      return error
    }
  }
  memoryFreeBytes = 0
  // What was seen counts for a second.
  await until(() => asked() instanceof Error, { what: 'what is left is looked at again' })
  const late = { name: 'late', command: FOREVER }
  for (const ask of [
    () => reeve.spawn(late),
    () => reeve.group('crew').spawn(late),
    () => reeve.restart('gone'),
  ])
    t.match(await refusal(ask, 'resource_exhausted'), { field: 'admission.memoryFree' })
  t.same([reeve.get('late'), gone.state], [undefined, 'completed'], 'nothing was begun, no name is taken')
  t.equal(reeve.spawn({ id: again.id, command: FOREVER }), again, 'who is there is not asked for anew')
  await soon(again.ready, 'running')
  process.kill(again.pid as number, 'SIGKILL')
  await until(() => again.incarnation === 2 && again.state === 'running', { what: 'its policy applies' })
  t.match(await soon(again.restart(), 'restarted'), { state: 'running', incarnation: 3 })
  memoryFreeBytes = 2 * GIB
  await until(() => !(asked() instanceof Error), { what: 'there is room again' })
})

t.test('on this very machine: what nobody has is refused, what everybody has is not', async (t) => {
  const c = await crew(t, { launcher: 'inline', admission: { memoryFree: '1000tb' } })
  const { message } = await refusal(() => c.spawn({ name: 'coder', command: FOREVER }), 'resource_exhausted')
  t.match(message, /^coder is not begun: \d+(\.\d)? [KMGT]B of memory are free, and 1000 TB have to be/)
  t.same(c.warnings, [])
  const small = await crew(t, { launcher: 'inline', admission: { memoryFree: '64kb', cpuLoad: 100_000 } })
  await soon(small.spawn({ command: FOREVER }).ready, 'running')
  t.same(small.warnings, [])
  t.match(await refusal(() => crew(t, { admission: { cpuLoad: 0 } }), 'invalid_spec'), {
    field: 'admission.cpuLoad',
  })
})
