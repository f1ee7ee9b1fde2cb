/** The suite notices: of registries that are wrong on purpose each fails at least one case. */
import t from 'tap'
import { type MemoryRegistryOptions, memoryRegistry } from '../../src/registry/memory.ts'
import { type Registry, registryContract } from '../../src/testing.ts'

const wrong: Readonly<Record<string, (well: Registry) => Partial<Registry>>> = {
  'loses the last entry of a large batch': (well) => ({
    append: (batch) => well.append(batch.length > 400 ? batch.slice(0, -1) : batch),
  }),
  'takes a batch twice': (well) => {
    let again = 0
    return {
      append: async (batch) => {
        await well.append(batch)
        again += 1
        await well.append(batch.map((entry) => ({ ...entry, supervisorId: `${entry.supervisorId}${again}` })))
      },
    }
  },
  'turns batches around': (well) => ({ append: (batch) => well.append([...batch].reverse()) }),
  'knows no numbers but its own': (well) => ({
    append: (batch) => well.append(batch.map((entry) => ({ ...entry, supervisorId: 'me' }))),
  }),
  'ignores filters': (well) => ({ records: () => well.records() }),
  'removes nothing': () => ({ remove: async () => {} }),
  'always removes histories': (well) => ({ remove: (id) => well.remove(id, { history: true }) }),
  'forgets what an activity says': (well) => ({
    append: (batch) => well.append(batch.map(({ activity: _, ...entry }) => entry)),
  }),
  'changes text': (well) => ({
    append: (batch) => well.append(JSON.parse(JSON.stringify(batch).replaceAll('é', 'e'))),
  }),
}

const failuresOf = async (open: () => Promise<Registry>) => {
  const results = await Promise.allSettled(registryContract({ open }).map(({ run }) => run()))
  return results.filter(({ status }) => status === 'rejected').length
}

const open = (
  spoil: (well: Registry) => Partial<Registry> = () => ({}),
  options: MemoryRegistryOptions = {},
) =>
  failuresOf(async () => {
    const well = memoryRegistry(options)
    return { ...well, ...spoil(well) }
  })

t.test('one that is well fails nothing', async (t) => t.equal(await open(), 0))
for (const [title, spoil] of Object.entries(wrong))
  t.test(`one that ${title} is found out`, async (t) => t.ok((await open(spoil)) > 0))
t.test('one that keeps only so much is found out', async (t) =>
  t.ok((await open(undefined, { entriesPerAgent: 100 })) > 0),
)
