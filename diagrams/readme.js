// Writes the tables of the README anew from the schemas, defaults, errors and routes: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs'
import { daemonSections } from '../dist/src/daemon/reference.js'
import { fill } from '../dist/src/observe/reference.js'
import { readmeSections } from '../dist/src/reference.js'

const readme = new URL('../README.md', import.meta.url)
writeFileSync(readme, fill(readFileSync(readme, 'utf8'), { ...readmeSections(), ...daemonSections() }))
