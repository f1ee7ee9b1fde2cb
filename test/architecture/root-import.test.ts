/** What `import 'reeve'` loads: five packages at most, and execa only when it is first used. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { loadedBy, ROOT, sources } from './sources.ts'

const MAY_LOAD = ['xstate', 'nanoid', 'ms', 'zod']
const entry = new URL('../../src/index.js', import.meta.url).href

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
  const packages = new Set(
    urls.map((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]).filter(Boolean),
  )
  t.strictSame(
    [...packages].filter((name) => !MAY_LOAD.includes(name ?? '')),
    [],
  )
  t.ok(urls.some((url) => url === entry))
  t.notOk(
    urls.some((url) => url.endsWith('launcher-host.js')),
    'the launcher is a program of its own',
  )
  t.notOk(
    urls.some((url) => /\/observe\/(graph|picture|reference)/.test(url)),
    'no picture is drawn',
  )
})

t.test('the sources say the same', async (t) => {
  const packages = [...loadedBy('src/index.ts').packages].filter((name) => !name.startsWith('node:'))
  t.strictSame(packages.sort(), [...MAY_LOAD].sort())
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
