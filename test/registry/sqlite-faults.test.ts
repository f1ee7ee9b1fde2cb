/** What stands in the way of a database: each is its own error, names the file, and destroys nothing. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { Writer } from '../../src/testing.ts'
import { smallDisk } from '../contract/faults.ts'
import { temporaryFolder } from '../contract/place.ts'

async function aDatabase(t: Test, entries = 2_000): Promise<string> {
  const file = join(temporaryFolder(t), 'agents.db')
  const registry = sqliteRegistry(file, { retention: false })
  await registry.open()
  const writer = new Writer()
  await registry.append([...writer.start('a'), ...writer.notes('a', entries)])
  await registry.close?.()
  return file
}

async function refuses(t: Test, file: string, code: string, message: RegExp | string): Promise<void> {
  const registry = sqliteRegistry(file)
  const opening = registry.open()
  await t.rejects(opening, { name: 'ReeveError', code, message: file })
  await t.rejects(registry.append(new Writer('x').start('x')), { code, message })
  await registry.close?.()
}

const damage: Readonly<Record<string, (file: string) => void>> = {
  'with its header overwritten': (file) => {
    const bytes = readFileSync(file)
    bytes.fill('x', 0, 100)
    writeFileSync(file, bytes)
  },
  'cut short': (file) => truncateSync(file, 20_000),
  'cut within its first page': (file) => truncateSync(file, 700),
  'that is a text': (file) => writeFileSync(file, 'dear diary\n'.repeat(200)),
}

for (const [title, spoil] of Object.entries(damage))
  t.test(`corrupt, and left as it is: a file ${title}`, async (t) => {
    const file = await aDatabase(t)
    spoil(file)
    const before = readFileSync(file)
    await refuses(t, file, 'registry_corrupt', /left as it is/)
    t.ok(before.equals(readFileSync(file)), 'not a byte is changed')
    t.same(readdirSync(join(file, '..')), ['agents.db'], 'and nothing lies beside it')
  })

t.test('pages damaged within: told when they are read, and the file is not written to', async (t) => {
  const file = await aDatabase(t, 5_000)
  const bytes = readFileSync(file)
  bytes.fill(0x5a, 8_192, bytes.length - 8_192)
  writeFileSync(file, bytes)
  await refuses(t, file, 'registry_corrupt', /is damaged/)
  t.ok(bytes.equals(readFileSync(file)))
})

t.test(
  'a folder in its place; a file in place of its folder; a folder that is missing is made',
  async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'agents.db'))
    await refuses(t, join(folder, 'agents.db'), 'registry_unavailable', /is a folder/)
    writeFileSync(join(folder, 'file'), '')
    await refuses(
      t,
      join(folder, 'file', 'agents.db'),
      'registry_unavailable',
      /a part of its path is a file|ENOTDIR|EEXIST/,
    )
  },
)

t.test('a read-only file system', async (t) => {
  const disk = smallDisk(t, temporaryFolder(t), 2_048)
  if (!disk) return
  const file = join(disk, 'agents.db')
  const registry = sqliteRegistry(file)
  await registry.open()
  await registry.close?.()
  execFileSync('mount', ['-o', 'remount,ro', disk])
  await refuses(t, file, 'registry_unavailable', /read-only file system/)
  execFileSync('mount', ['-o', 'remount,rw', disk])
  await registry.open()
  await registry.append(new Writer('x').start('x'))
  t.equal((await registry.records()).length, 1, 'writable again, it is well')
  await registry.close?.()
})

t.test(
  'a file that was taken away while in use: what follows goes to a new one, not to nowhere',
  async (t) => {
    const file = join(temporaryFolder(t), 'agents.db')
    const registry = sqliteRegistry(file, { retention: false })
    await registry.open()
    const writer = new Writer()
    await registry.append(writer.start('a'))
    for (const each of readdirSync(join(file, '..')))
      renameSync(join(file, '..', each), join(file, '..', `old-${each}`))
    const more = writer.start('b')
    await registry.append(more)
    await registry.close?.()
    const again = sqliteRegistry(file, { retention: false })
    await again.open()
    t.same(await again.history('b'), more)
    await again.close?.()
  },
)
