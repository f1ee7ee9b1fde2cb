/** The suite's promise about failed appends, kept under each real fault; and that the error names the file and the way out. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ContractSubject, type Registry, registryContract, Writer } from '../../src/testing.ts'
import { fill, holdDatabase, smallDisk } from './faults.ts'
import { DURABLE, type Make, opened, temporaryFolder } from './place.ts'

async function keepsItsPromise(
  t: Test,
  folder: string,
  file: string,
  make: Make,
  fault: (place: string) => Promise<() => Promise<void>>,
) {
  const places = new WeakMap<Registry, string>()
  const subject: ContractSubject = {
    async open() {
      const place = join(mkdtempSync(join(folder, 'case-')), file)
      const registry = await opened(make(place))
      places.set(registry, place)
      return registry
    },
    async fail(registry) {
      const place = places.get(registry) ?? ''
      const mend = await fault(place)
      // More than fits into the last page that the file has already.
      await t.rejects(registry.append(new Writer('somebody else').notes('x', 200)), {
        code: 'registry_unavailable',
        message: place.replace(/\.json$/, ''),
      })
      return mend
    },
  }
  const cases = registryContract(subject).filter(({ title }) => /an append that fails/.test(title))
  t.equal(cases.length, 1)
  for (const { title, run } of cases) await t.test(title, run)
}

for (const [name, { file, make }] of Object.entries(DURABLE))
  t.test(`${name}, on a full disk`, async (t) => {
    const disk = smallDisk(t, temporaryFolder(t), 2_048)
    if (disk) await keepsItsPromise(t, disk, file, make, async () => fill(disk))
  })

t.test('sqlite, locked by another process: the error says by which', async (t) => {
  const { file, make } = DURABLE.sqlite as (typeof DURABLE)[string]
  await keepsItsPromise(t, temporaryFolder(t), file, make, async (place) => {
    const { pid, release } = await holdDatabase(place)
    const other = await opened(make(place))
    await t.rejects(other.append(new Writer('another').start('y')), { message: `is locked by pid ${pid}` })
    await other.close?.()
    return release
  })
})
