/** What Reeve's own page is made of. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { STATES } from '../../machines/events.ts'
import { MODULES } from '../../src/observe/inspector/assets.ts'
import { DIST } from '../support.ts'

t.test('a page gets every module that it imports, and none that needs Node', async (t) => {
  const wanted = new Set<string>()
  const visit = (file: string): void => {
    if (wanted.has(file)) return
    wanted.add(file)
    const text = readFileSync(path.join(DIST, file), 'utf8')
    for (const [, target = ''] of text.matchAll(/^(?:import|export) (?:[^'"]*from )?['"]([^'"]+)['"]/gm)) {
      t.ok(target.startsWith('.'), `${file}: ${target}`)
      visit(path.posix.join(path.posix.dirname(file), target))
    }
  }
  for (const page of ['main', 'stately']) visit(`src/observe/dashboard/${page}.js`)
  t.strictSame([...wanted].sort(), [...MODULES].sort())
})

t.test('the picture has every state, and an edge for each step that the log can tell', async (t) => {
  const picture = readFileSync(new URL('../../../diagrams/agent.svg', import.meta.url), 'utf8')
  const titles = [...picture.matchAll(/<title>(.*?)<\/title>/g)].map(([, title = '']) => title)
  for (const state of STATES) t.ok(titles.includes(state), state)
  for (const step of ['running-stalling', 'stalling-terminating', 'terminating-reaping', 'reaping-killed'])
    t.ok(titles.includes(step.replace('-', '&#45;&gt;')), step)
})
