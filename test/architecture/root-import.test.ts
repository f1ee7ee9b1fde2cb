/** What `import 'reeve'` loads: four packages, one of which is put together with it, and execa only when it is first used. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { loadedBy, ROOT, sources } from './sources.ts'

const MAY_LOAD = ['xstate', 'nanoid', 'ms', 'zod']
const entry = new URL('../../lib/index.js', import.meta.url).href

/** Every module that Node itself loads for an import of the package, told by a hook. */
function loaded(): string[] {
  const hook = `import { writeSync } from 'node:fs'
    export async function load(url, context, next) {
      writeSync(1, url + '\\n')
      return next(url, context)
    }`
  const program = `import { register } from 'node:module'
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})
    await import(${JSON.stringify(entry)})`
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  return told.trim().split('\n')
}

t.test('the root import loads only what it is for', async (t) => {
  const urls = loaded()
  t.ok(urls.some((url) => url === entry))
  const packages = urls.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]).filter(Boolean)
  t.strictSame([...new Set(packages)].sort(), MAY_LOAD.filter((name) => name !== 'zod').sort())
  const ours = urls.filter((url) => url.startsWith('file:') && !url.includes('/node_modules/'))
  t.ok(ours.length < 40, `few files: ${ours.length}`)
  t.ok(ours.every((url) => path.dirname(url) === path.dirname(entry)))
})

t.test('the sources say the same', async (t) => {
  const { files, packages } = loadedBy('src/index.ts')
  t.strictSame([...packages].filter((name) => !name.startsWith('node:')).sort(), [...MAY_LOAD].sort())
  t.notOk(files.has('src/process/launcher-host.ts'), 'the launcher is a program of its own')
  t.strictSame(
    [...files].filter((file) => /\/observe\/(graph|picture|reference)/.test(file)),
    [],
    'no picture is drawn',
  )
  const eager = sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ target, dynamic, typeOnly }) => target === 'execa' && !dynamic && !typeOnly)
      .map(() => file),
  )
  t.strictSame(eager, [], 'execa is loaded when it is first used')
})

t.test('whatever is imported is a dependency of the package', async (t) => {
  const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  const imported = sources.flatMap(({ imports }) => imports.map(({ target }) => target))
  const packages = new Set(imported.filter((name) => !name.endsWith('.ts') && !name.startsWith('node:')))
  t.strictSame(
    [...packages].filter((name) => !(name in dependencies)),
    [],
  )
})
