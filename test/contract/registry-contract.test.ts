/** The one suite, over every registry of the package. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { memoryRegistry } from '../../src/registry/memory.ts'
import { type Registry, registryContract } from '../../src/testing.ts'
import { DURABLE, opened, temporaryFolder } from './place.ts'

t.test('memory', async (t) => {
  for (const { title, run } of registryContract({ open: () => opened(memoryRegistry()) }))
    await t.test(title, run)
})

for (const [name, { file, make }] of Object.entries(DURABLE))
  t.test(name, async (t) => {
    const folder = temporaryFolder(t)
    const places = new WeakMap<Registry, string>()
    const over = async (place: string) => {
      const registry = await opened(make(place))
      places.set(registry, place)
      return registry
    }
    const placeOf = (registry: Registry) => places.get(registry) ?? ''
    const cases = registryContract({
      open: () => over(join(mkdtempSync(join(folder, 'case-')), file)),
      reopen: async (registry) => {
        await registry.close?.()
        return over(placeOf(registry))
      },
      beside: (registry) => over(placeOf(registry)),
    })
    for (const { title, run } of cases) await t.test(title, run)
  })
