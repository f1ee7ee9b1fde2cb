/** Commands that are run beside a life: each is over with its whole tree, and what went wrong is its answer. */
import { getEventListeners } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { held } from '../../src/process/held.ts'
import { isAlive, isDead, readStat } from '../../src/process/identity.ts'
import type { CommandOrder, CommandWork } from '../../src/process/launcher.ts'
import { removeFolder } from '../../src/process/remove-folder.ts'
import { both, fixture, mustIdentify, pidsIn, type Rig, temporaryFolder, untilDead } from './rig.ts'

const never = new AbortController().signal
let markers = 0

/** A zombie is. */
const isOver = (pid: number): boolean => {
  const stat = readStat(pid)
  return stat === undefined || isDead(stat)
}

const order = (rig: Rig, command: readonly [string, ...string[]], more: Partial<CommandWork> = {}) =>
  ({
    agentId: 'agent',
    incarnation: 1,
    marker: `${++markers}`.padStart(32, 'c'),
    what: { kind: 'command', command, cwd: rig.home, env: {}, logFile: null, ...more },
    timeoutMs: 5000,
    killWaitMs: 2000,
    hook: null,
  }) satisfies CommandOrder

const sh = (script: string, ...args: string[]) => ['sh', '-c', script, ...args] as const

both(t, 'how it ended, in words, with the last line that it said', async (t, rig) => {
  const cases: readonly (readonly [string, RegExp | null])[] = [
    ['exit 0', null],
    ['echo one; echo two >&2; exit 3', /^it exited with code 3: (one|two)$/],
    ['printf "\\033[31mred\\033[0m\\n\\n"; exit 1', /^it exited with code 1: red$/],
    ['exit 7', /^it exited with code 7$/],
    ['kill -SEGV $$', /^it was ended by SIGSEGV/],
    ['head -c 3000000 /dev/zero | tr "\\0" x; exit 1', /^it exited with code 1: x{299}…$/],
  ]
  const ends = await Promise.all(cases.map(([script]) => rig.launcher.run(order(rig, sh(script)), never)))
  for (const [i, [script, words]] of cases.entries()) {
    if (words === null) t.equal(ends[i]?.failure, null, script)
    else t.match(ends[i]?.failure, words, script)
  }
  t.same(getEventListeners(never, 'abort'), [], 'none of them holds on to what may halt it')
  t.match(await rig.launcher.run(order(rig, ['/does/not/exist']), never), { failure: /does not exist/ })
  t.match(await rig.launcher.run(order(rig, ['true'], { cwd: '/does/not/exist' }), never), {
    failure: /cwd .* does not exist/,
  })
})

both(t, 'its environment, and its words in the log of the agent', async (t, rig) => {
  const logFile = join(rig.home, 'agent.log')
  writeFileSync(logFile, 'before\n')
  const run = order(rig, sh('echo "$A|$REEVE_LIFE|$PWD"; echo why >&2; exit 1'), { env: { A: 'x' }, logFile })
  t.same(await rig.launcher.run(run, never), { failure: 'it exited with code 1: why' })
  t.equal(readFileSync(logFile, 'utf8'), `before\nx|${run.marker}|${rig.home}\nwhy\n`)
})

both(
  t,
  'one that hangs is ended with its whole tree when its time is over, and when it is halted',
  async (t, rig) => {
    const file = join(temporaryFolder(t), 'pids')
    const hangs = {
      ...order(rig, [fixture('three-levels.sh'), file], { logFile: join(rig.home, 'x.log') }),
      timeoutMs: 300,
    }
    const running = rig.launcher.run(hangs, never)
    const tree = (await pidsIn(file)).map(mustIdentify)
    t.equal(tree.length, 3)
    t.match(await held(running), { failure: /^it did not end within 300 ms/ })
    t.notOk(tree.some(isAlive), 'gone when it answers')

    const over = new AbortController()
    const other = `${file}2`
    const probe = rig.launcher.run(order(rig, [fixture('three-levels.sh'), other]), over.signal)
    const halted = (await pidsIn(other)).map(mustIdentify)
    over.abort()
    t.match(await held(probe), { failure: 'it was halted' })
    t.notOk(halted.some(isAlive))
    t.match(await rig.launcher.run(order(rig, ['true']), over.signal), { failure: 'it was not started' })
  },
)

both(t, 'what it leaves behind is ended, and holding its output delays nothing', async (t, rig) => {
  const file = join(temporaryFolder(t), 'pids')
  const leaves = order(rig, sh(`sleep 1000 & echo $! > ${file}.n; mv ${file}.n ${file}`))
  t.same(await held(rig.launcher.run(leaves, never)), { failure: null })
  const [pid = 0] = await pidsIn(file)
  t.ok(isOver(pid), 'in its group')

  const hook = {
    ...order(rig, [fixture('double-forks.sh'), `${file}2`, 'exit'], { logFile: join(rig.home, 'x.log') }),
    hook: 0,
  }
  t.same(await held(rig.launcher.run(hook, never)), { failure: null })
  const [stray = 0] = await pidsIn(`${file}2`)
  t.ok(isOver(stray), 'of a hook: one that left its session too')
})

both(
  t,
  'a launcher that dies: what a hook left is ended, it has failed, and is not run twice',
  async (t, rig) => {
    // Inline there is no launcher to die alone.
    if (rig.launcher.pid === process.pid) return
    const file = join(temporaryFolder(t), 'pids')
    const script = `echo $$ >> ${file}; exec sleep 1000`
    const hook = { ...order(rig, sh(script), { logFile: join(rig.home, 'x.log') }), hook: 0 }
    const running = rig.launcher.run(hook, never)
    const [pid = 0] = await pidsIn(file)
    const identity = mustIdentify(pid)
    process.kill(rig.launcher.pid, 'SIGKILL')
    t.match(await held(running), { failure: /launcher died while it ran; what was left of it was ended/ })
    await untilDead(identity)
    t.equal(readFileSync(file, 'utf8').trim().split('\n').length, 1)
    t.same(await rig.launcher.run(order(rig, ['true']), never), { failure: null }, 'the next one runs')
  },
)

t.test('a folder is removed with all in it; what links in it point to stays', async (t) => {
  const outside = temporaryFolder(t)
  writeFileSync(join(outside, 'kept'), 'x')
  const folder = join(temporaryFolder(t), 'tmp')
  mkdirSync(join(folder, 'a', 'b'), { recursive: true })
  writeFileSync(join(folder, 'a', 'b', 'file'), 'x')
  symlinkSync(outside, join(folder, 'link'))
  symlinkSync(join(outside, 'kept'), join(folder, 'a', 'link'))
  symlinkSync('/does/not/exist', join(folder, 'a', 'dangling'))
  await chmod(join(folder, 'a', 'b'), 0o000)
  await chmod(join(folder, 'a'), 0o555)
  await removeFolder(folder, never)
  t.notOk(existsSync(folder))
  t.ok(existsSync(join(outside, 'kept')))
  await removeFolder(folder, never)
  symlinkSync(outside, folder)
  await removeFolder(folder, never)
  t.notOk(existsSync(folder), 'a link in its place goes')
  t.ok(existsSync(join(outside, 'kept')), 'where it points stays')
  mkdirSync(folder)
  const over = new AbortController()
  over.abort()
  await t.rejects(removeFolder(folder, over.signal), { name: 'AbortError' })
  t.ok(existsSync(folder))
})
