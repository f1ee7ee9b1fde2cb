/** A home on a disk that fills up: what is wrong is said, what can be done is done, and nothing is lost. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { doctor } from '../../src/daemon/doctor.ts'
import type { Entry } from '../../src/index.ts'
import { shellIn } from '../cli/rig.ts'
import { FOREVER, nothingIsLeft, remember, temporaryFolder, until } from '../support.ts'
import { endDaemon, serving } from './rig.ts'

nothingIsLeft(t)
t.setTimeout(300_000)

/** A disk of its own; `false` where that is not allowed. */
function tinyDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const disk = join(temporaryFolder(t), 'disk')
mkdirSync(disk)
const skip = tinyDisk(disk) ? false : 'a file system cannot be mounted here'

t.test('a full disk', { skip }, async (t) => {
  const home = join(disk, 'home')
  t.teardown(async () => {
    await endDaemon(home)
    execFileSync('umount', ['-l', disk])
  })
  const { client } = await serving(t, { home })
  const before = await client.spawn({ name: 'before', command: [...FOREVER] })
  await before.ready
  remember(before.pid ?? 0)

  const ballast = join(disk, 'ballast')
  const fill = (bytes: number) => {
    try {
      for (;;) appendFileSync(ballast, Buffer.alloc(bytes))
    } catch {
      // Nothing more goes there.
    }
  }
  for (const bytes of [65_536, 4_096, 1]) fill(bytes)

  const during = await client.spawn({ name: 'during', command: [...FOREVER] })
  await during.ready
  remember(during.pid ?? 0)
  await until(async () => (await client.status()).trouble, { what: 'it notices' })
  const { reeve } = shellIn(t, home)
  const said = await reeve(['ls'])
  t.equal(said.status, 0)
  t.match(said.out, /^before\trunning.*\nduring\trunning/m)
  t.match(
    said.err,
    /^reeve: what happens is not recorded now: .*agents\.db.* the disk is full\. Free some space; nothing was lost/,
  )
  const findings = await doctor(home)
  t.match(
    findings.find(({ check }) => check === 'space'),
    { verdict: 'wrong', way: /make some/ },
  )
  t.match(
    findings.find(({ check }) => check === 'registry'),
    { verdict: 'wrong', message: /the disk is full/ },
  )
  t.match(await during.stop(), { killedGracefully: true, escaped: [] })

  rmSync(ballast)
  await until(async () => (await client.status()).trouble === null, {
    what: 'it is back',
    timeoutMs: 30_000,
  })
  const entries: Entry[] = []
  const over = new AbortController()
  for await (const entry of client.entries({ since: 'start', signal: over.signal })) {
    entries.push(entry)
    if (entry.name === 'during' && entry.to === 'killed') over.abort()
  }
  t.strictSame(
    entries.map(({ seq }) => seq),
    entries.map((_, i) => i + 1),
    'every entry is there, in its order',
  )
  t.match(
    (await doctor(home)).find(({ check }) => check === 'registry'),
    { verdict: 'ok' },
  )
})
