/** No import cycles. Of those among types alone one is known: a handle, its seat and its supervisor name each other. */
import t from 'tap'
import { type Source, sources } from './sources.ts'

/** The strongly connected parts of more than one file (Tarjan). */
function cycles(followed: (source: Source) => readonly string[]): string[][] {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (file: string): void => {
    index.set(file, index.size)
    low.set(file, index.get(file) ?? 0)
    stack.push(file)
    const source = byFile.get(file)
    for (const next of source ? followed(source) : []) {
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(file, Math.min(low.get(file) ?? 0, low.get(next) ?? 0))
    }
    if (low.get(file) !== index.get(file)) return
    const part = stack.splice(stack.indexOf(file))
    if (part.length > 1) found.push(part.sort())
  }
  for (const { file } of sources) if (!index.has(file)) visit(file)
  return found
}

t.test('nothing that is loaded imports itself, however far around', async (t) => {
  const loaded = cycles(({ imports }) =>
    imports.filter(({ typeOnly, target }) => !typeOnly && target.endsWith('.ts')).map(({ target }) => target),
  )
  t.strictSame(loaded, [])
})

t.test('types name each other only within the composition root', async (t) => {
  const all = cycles(({ imports }) =>
    imports.filter(({ target }) => target.endsWith('.ts')).map(({ target }) => target),
  )
  t.ok(all.length <= 1, all.map((part) => part.join(' ')).join('; '))
  t.strictSame(
    all.flat().filter((file) => !/^src\/[^/]+\.ts$/.test(file)),
    [],
  )
})
