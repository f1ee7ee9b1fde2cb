/** What is published: every export is there with its types, and so is every file that the README shows. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ROOT } from './sources.ts'

const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const changelog = readFileSync(path.join(ROOT, 'CHANGELOG.md'), 'utf8')
/** Where this build lies: `dist/`, unless someone built elsewhere. */
const BUILT = fileURLToPath(new URL('../../', import.meta.url))
const built = (target: string): string => path.join(BUILT, target.replace('./dist/', ''))

t.test('every export is there, with its types', async (t) => {
  for (const [name, target] of Object.entries<string | Record<string, string>>(manifest.exports)) {
    if (typeof target === 'string') {
      t.ok(existsSync(path.join(ROOT, target)), name)
      continue
    }
    t.strictSame(Object.keys(target), ['types', 'default'], `${name}: types come first`)
    const { types = '', default: module = '' } = target
    t.ok(existsSync(built(module)), `${name}: ${module}`)
    // Both are made of one source: see `src/build.js`.
    t.ok(
      existsSync(path.join(ROOT, types.replace('./dist/', '').replace('.d.ts', '.ts'))),
      `${name}: ${types}`,
    )
    const published = manifest.files.some((folder: string) => target.default?.startsWith(`./${folder}`))
    t.ok(published, `${name} is among the files that are published`)
  }
})

t.test('the README shows nothing that is not there', async (t) => {
  const links = [...readme.matchAll(/\]\(([^)#\s]+)\)|src="([^"]+)"/g)].map(
    ([, link, image]) => link ?? image ?? '',
  )
  const local = links.filter((link) => !/^https?:/.test(link))
  t.ok(local.length > 2)
  for (const link of local) t.ok(existsSync(path.join(ROOT, link)), link)
  const headings = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  )
  for (const [, anchor = ''] of readme.matchAll(/\]\(#([^)]+)\)/g))
    t.ok(headings.includes(anchor), `#${anchor}`)
})

t.test('every command that the README names can be run', async (t) => {
  const named = [...readme.matchAll(/npm (?:run )?(start|test|[a-z-]+)/g)].map(([, script = '']) => script)
  for (const script of new Set(named))
    t.ok(['ci', 'install'].includes(script) || script in manifest.scripts, `npm ${script}`)
})

t.test('the changelog speaks of this version', async (t) => {
  t.match(changelog, new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')}\\b`, 'm'))
})
