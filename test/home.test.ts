import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { leaveHome, logFileOf, openHome, userHome } from '../src/home.ts'

t.test("the user's home: REEVE_HOME, else XDG_STATE_HOME, else under ~", async (t) => {
  t.equal(userHome({ REEVE_HOME: '/a/b', XDG_STATE_HOME: '/x' }), '/a/b')
  t.equal(userHome({ XDG_STATE_HOME: '/x' }), '/x/reeve')
  t.match(userHome({}), /^\/.*\/\.local\/state\/reeve$/)
  const said = process.env.HOME
  t.teardown(() => {
    process.env.HOME = said
  })
  for (const home of ['', 'relative']) {
    process.env.HOME = home
    const found = userHome({ XDG_STATE_HOME: 'relative' })
    t.ok(path.isAbsolute(found) && !found.includes('relative'), `HOME=${home}: ${found}`)
  }
})

t.test('folders are ours alone; a home that was given stays, a fresh one goes', async (t) => {
  const dir = path.join(t.testdir(), 'deep', 'home')
  const home = openHome(dir, 'sup')
  for (const folder of [home.dir, home.logs, home.reports, home.inputs])
    t.equal(fs.statSync(folder).mode & 0o777, 0o700, folder)
  t.equal(logFileOf(home, 'id'), path.join(dir, 'logs', 'id.log'))
  leaveHome(home)
  t.ok(fs.existsSync(dir))

  const before = process.env.REEVE_HOME
  process.env.REEVE_HOME = path.join(t.testdirName, 'user')
  t.teardown(() => {
    if (before === undefined) delete process.env.REEVE_HOME
    else process.env.REEVE_HOME = before
  })
  const fresh = openHome(undefined, 'sup')
  t.equal(fresh.dir, path.join(t.testdirName, 'user', 'run', 'sup'))
  t.ok(fresh.ephemeral)
  leaveHome(fresh)
  t.notOk(fs.existsSync(fresh.dir))
})

t.test('a home that is open to others, or no folder, is refused with the way out', async (t) => {
  const dir = t.testdir({ open: {}, file: 'x' })
  fs.chmodSync(path.join(dir, 'open'), 0o777)
  t.throws(() => openHome(path.join(dir, 'open'), 's'), {
    code: 'home_unusable',
    message: /mode 0777.*chmod 700/,
  })
  t.throws(() => openHome(path.join(dir, 'file'), 's'), { code: 'home_unusable', message: /file/ })
  fs.symlinkSync(dir, path.join(dir, 'link'))
  t.throws(() => openHome(path.join(dir, 'link'), 's'), { code: 'home_unusable', message: /not a folder/ })
})

t.test('where no folder can be made it is said at once, and nothing goes round', async (t) => {
  const open = `const { openHome } = await import(${JSON.stringify(new URL('../src/home.js', import.meta.url).href)})
    try { openHome('/proc/reeve/deep', 's') } catch ({ code, message }) { console.log(code, message) }`
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', open], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  t.equal(signal, null)
  t.match(stdout, /^home_unusable \/proc\/reeve\/deep cannot be used: .*Give another home/)
})
