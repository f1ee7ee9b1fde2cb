/**
 * Reeve's own page in a real browser: who may look, what a name may not do, and an agent's machine moving as it moves.
 * Not part of `npm test`, which needs nothing but Node: `npm run browser-checks`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import t from 'tap'
import { type Inspectable, openInspector } from '../../src/observe/inspector/index.ts'
import type { AgentRecord } from '../../src/registry/record.ts'
import { REEVE } from '../cli/rig.ts'
import { ask, serving } from '../daemon/rig.ts'
import { crew, FOREVER, fixture, nothingIsLeft, remember, soon, until } from '../support.ts'

nothingIsLeft(t)

const BROWSERS = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
]
const executablePath = BROWSERS.find((file) => file !== undefined && isExecutable(file))

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const PATIENT = { timeout: 30_000 }

t.test(
  'in a browser',
  { skip: executablePath ? false : 'no Chromium on this machine: apt-get install chromium' },
  async (t) => {
    const browser: Browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
    t.teardown(() => browser.close())
    const open = async (url: string): Promise<{ page: Page; faults: string[] }> => {
      const page = await browser.newPage({ viewport: { width: 1400, height: 860 } })
      page.setDefaultTimeout(PATIENT.timeout)
      const faults: string[] = []
      page.on('pageerror', (error) => faults.push(error.message))
      page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
      page.on('dialog', (dialog) => {
        faults.push(`dialog: ${dialog.message()}`)
        void dialog.dismiss()
      })
      await page.goto(url)
      return { page, faults }
    }

    t.test('a real agent stalls, is ended and recorded, and the page follows', async (t) => {
      const c = await crew(t)
      const inspector = await openInspector(c, { local: true })
      t.teardown(() => inspector.close())
      t.match(inspector.url, /^http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]{32}$/)
      const other = c.spawn({ name: 'other', command: FOREVER })
      const coder = c.spawn({
        name: 'coder',
        command: [fixture('ignores-sigterm.sh')],
        heartbeat: { timeout: '1h', grace: '1h', onStall: 'terminate', sources: ['report'] },
        stop: [{ signal: 'SIGTERM', wait: '1h' }],
      })
      await Promise.all([coder.ready, other.ready])
      remember(coder.pid as number, other.pid as number)
      const { page, faults } = await open(inspector.url)
      t.equal(new URL(page.url()).hash, '', 'the token does not stay in the address')
      await page.getByRole('button', { name: /^coder/ }).click()
      const lit = (state: string) =>
        page.locator(`#machine g.node.lit:has(text:text-is("${state}"))`).waitFor()
      const told = (text: string) => page.locator('#entries li', { hasText: text }).first().waitFor()
      await lit('running')
      await told('pre_starting → running')
      t.equal(await page.locator('#machine g.edge.traced').count(), 1)
      // Each step is taken when the page has shown the one before.
      c.actor.send({ type: 'STALLED', agentId: coder.id, incarnation: 1, evidence: { silentMs: 3_600_000 } })
      await lit('stalling')
      await told('running → stalling')
      t.match(await page.locator('#machine g.edge.traced').textContent(), /silent too long/)
      const stopped = coder.stop({ grace: '1h' })
      await lit('terminating')
      await told('SIGTERM')
      await coder.kill()
      await stopped
      await lit('killed')
      await told('reaping → killed')
      t.match(await page.locator('#standing').textContent(), /^killed/)
      t.equal(await page.locator('#machine g.node.lit').count(), 1)
      await page.getByRole('button', { name: /^other/ }).click()
      await lit('running')
      await page.reload()
      await page.locator('body.connected').waitFor()
      t.strictSame(faults, [])
      await page.close()
    })

    t.test(
      '`reeve inspect --local` over a daemon: a real process stalls, is escalated, and is recorded',
      async (t) => {
        const { home, client } = await serving(t)
        const viewer = spawn(process.execPath, [REEVE, 'inspect', '--local'], {
          env: { ...process.env, REEVE_HOME: home },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        t.teardown(() => viewer.kill('SIGKILL'))
        let printed = ''
        viewer.stdout.setEncoding('utf8').on('data', (text: string) => {
          printed += text
        })
        const { page, faults } = await open(
          await until(() => /^http\S+$/m.exec(printed)?.[0], { what: 'an address' }),
        )
        await page.locator('body.connected').waitFor()
        // It begins while somebody looks, and goes its way by itself.
        const coder = await client.spawn({
          name: 'coder',
          command: [fixture('ignores-sigterm.sh')],
          ready: { line: 'ready' },
          heartbeat: { timeout: 200, grace: 200, onStall: 'terminate', sources: ['report'] },
          stop: [{ signal: 'SIGTERM', wait: 200 }],
        })
        await page.getByRole('button', { name: /^coder/ }).click()
        await page.locator('#machine g.node.lit:has(text:text-is("killed"))').waitFor()
        const steps = [
          'running → stalling',
          'stalling → terminating',
          'SIGTERM',
          'SIGKILL',
          'reaping → killed',
        ]
        for (const step of steps) await page.locator('#entries li', { hasText: step }).first().waitFor()
        t.match(await page.locator('#standing').textContent(), /^killed/)
        t.match(await page.locator('#why').textContent(), /stall/)
        t.match((await coder.ended).reason, { kind: 'stall' })
        t.strictSame(faults, [])
        await page.close()
        viewer.kill('SIGINT')
        t.strictSame(await soon(once(viewer, 'exit'), 'the viewer leaves'), [0, null])
      },
    )

    t.test('hostile names are names; a thousand agents are a list', async (t) => {
      const evil = '<img src=x onerror=alert(1)>"\'</script><b>'
      const turned = 'a\u202Egpj.exe'
      const records = Array.from({ length: 1_000 }, (_, i) =>
        recordNamed(i, i === 999 ? evil : i === 998 ? turned : `agent-${i}`),
      )
      const entries = records.map((record, seq) => ({ ...entryOf(record), seq: seq + 1 }))
      let tell: (payload: never) => unknown = () => {}
      const many: Inspectable = {
        async *inspection() {},
        records: async () => records,
        history: async (id) => entries.filter(({ agentId }) => agentId === id) as never,
        on: (event, fn) => {
          if (event === 'transition') tell = fn as typeof tell
          return () => {}
        },
      }
      const inspector = await openInspector(many, { local: true })
      t.teardown(() => inspector.close())
      const { page, faults } = await open(inspector.url)
      await page.locator('#count', { hasText: '1000 agents' }).waitFor()
      await page.locator('#name', { hasText: evil }).waitFor()
      t.equal(await page.locator('b, img').count(), 0)
      t.equal(await page.locator('.row .name').nth(1).textContent(), 'a\uFFFDgpj.exe')
      t.ok((await page.locator('.row').count()) < 100, 'only what is in sight is there')
      await page.locator('#agents').evaluate((box) => {
        Object.assign(box, { scrollTop: 1_000_000 })
      })
      await page.getByRole('button', { name: /^agent-0 / }).waitFor()
      // All change at once, again and again: drawn once a frame.
      for (let round = 0; round < 5; round += 1)
        for (const [i, record] of records.entries())
          tell({
            ...entryOf(record),
            seq: 10_000 + round * 1_000 + i,
            from: round % 2 ? 'stalling' : 'running',
            to: round % 2 ? 'running' : 'stalling',
            event: 'deadline',
            evidence: { silentMs: 5 },
          } as never)
      await page.locator('.row[data-tone=doubt]', { hasText: /^agent-0/ }).waitFor()
      await page.getByRole('searchbox').fill('agent-77')
      await until(async () => (await page.locator('.row:visible').count()) === 11, {
        what: 'eleven are found',
      })
      t.strictSame(faults, [])
      await page.close()
    })

    t.test('without the token nothing is said, neither to a page nor to a stranger', async (t) => {
      const c = await crew(t)
      const inspector = await openInspector(c, { local: true })
      t.teardown(() => inspector.close())
      const [base = '', token = ''] = inspector.url.split('#token=')
      const { page } = await open(base)
      await page.locator('#trouble', { hasText: 'no token' }).waitFor()
      await page.close()
      const wrong = await open(`${base}#token=wrong`)
      await wrong.page.locator('#trouble', { hasText: 'this token is not' }).waitFor()
      await wrong.page.close()
      const at = { host: '127.0.0.1', port: Number(new URL(base).port) }
      const authorization = `Bearer ${token}`
      for (const where of ['/v1/agents', '/v1/entries', '/v1/agents/x/history']) {
        t.equal((await ask({ ...at, path: where })).status, 401, where)
        t.equal(
          (await ask({ ...at, path: `${where}?token=${token}` })).status,
          401,
          'in an address it is none',
        )
        t.equal(
          (await ask({ ...at, path: where, headers: { authorization, origin: 'https://evil.example' } }))
            .status,
          403,
        )
        t.equal(
          (await ask({ ...at, path: where, headers: { authorization, host: `evil.example:${at.port}` } }))
            .status,
          403,
        )
        t.equal((await ask({ ...at, path: where, method: 'POST', headers: { authorization } })).status, 404)
      }
      t.strictSame((await ask({ ...at, path: '/v1/agents', headers: { authorization } })).json as unknown, [])
      t.equal((await ask({ ...at, path: '/v1/agents/x/history', headers: { authorization } })).status, 404)
      t.match(
        (await soon(ask({ ...at, path: '/' }), 'the page')).headers['content-security-policy'],
        /script-src 'self'/,
      )
    })
  },
)

const AT = '2026-01-01T00:00:00.000Z'

const recordNamed = (i: number, name: string) =>
  ({
    id: `id-${i}`,
    name,
    state: 'running',
    activity: { kind: 'working' },
    alive: true,
    pid: 1,
    incarnation: 1,
    createdAt: AT,
    startedAt: AT,
    endedAt: null,
    command: ['sleep', '<b>1</b>'],
    labels: {},
    exit: null,
    reason: null,
    error: null,
    group: null,
    lane: null,
    task: null,
    spawner: null,
  }) as unknown as AgentRecord

const entryOf = ({ id, name }: AgentRecord) => ({
  at: AT,
  supervisorId: 's',
  host: 'h',
  agentId: id,
  name,
  incarnation: 1,
  from: null,
  to: 'running',
  event: 'spawn',
  command: ['sleep', '<b>1</b>'],
})
