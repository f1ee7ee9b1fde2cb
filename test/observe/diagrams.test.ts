/** The pictures that are kept are those of the machines as they are. */
import { readdirSync, readFileSync } from 'node:fs'
import { instance } from '@viz-js/viz'
import t from 'tap'
import { diagrams } from '../../src/observe/diagram.ts'
import { framed } from '../../src/observe/frame.ts'

const kept = (file: string): string =>
  readFileSync(new URL(`../../../diagrams/${file}`, import.meta.url), 'utf8')
const viz = await instance()

for (const { name, mermaid, dot } of diagrams()) {
  t.equal(kept(`${name}.mmd`), mermaid, `${name}.mmd is up to date (npm run diagrams)`)
  t.equal(
    kept(`${name}.svg`),
    framed(viz.renderString(dot, { format: 'svg' })),
    `${name}.svg is up to date (npm run diagrams)`,
  )
}

t.test('no picture is left of a view that is gone', async (t) => {
  const files = readdirSync(new URL('../../../diagrams', import.meta.url)).filter(
    // Beside them lies what draws them, and a photograph of the page.
    (file) => !/\.(js|png)$/.test(file),
  )
  t.strictSame(
    files.sort(),
    diagrams()
      .flatMap(({ name }) => [`${name}.mmd`, `${name}.svg`])
      .sort(),
  )
})

t.test('the main path goes straight down, and the ground has rounded corners', async (t) => {
  const svg = kept('agent.svg')
  const middle = (state: string): string | undefined =>
    svg.match(new RegExp(`<title>${state}</title>[\\s\\S]*?text-anchor="middle" x="([\\d.]+)"`))?.[1]
  const path = ['spawning', 'pre_starting', 'running', 'terminating', 'reaping'].map(middle)
  t.match(path[0], /^\d/)
  t.equal(new Set(path).size, 1, 'one column')
  t.match(svg, /<rect [^>]*rx="12" fill="#ffffff"/)
})
