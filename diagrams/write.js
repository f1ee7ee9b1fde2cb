// Draws the machines anew: `npm run diagrams`. A test fails while a picture differs from its machine.
import { writeFileSync } from 'node:fs'
import { instance } from '@viz-js/viz'
import { diagrams } from '../dist/src/observe/diagram.js'
import { framed } from '../dist/src/observe/frame.js'

const viz = await instance()
for (const { name, mermaid, dot } of diagrams()) {
  writeFileSync(new URL(`${name}.mmd`, import.meta.url), mermaid)
  writeFileSync(new URL(`${name}.svg`, import.meta.url), framed(viz.renderString(dot, { format: 'svg' })))
}
