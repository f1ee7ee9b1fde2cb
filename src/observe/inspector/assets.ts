/** What is served as it is: pages, styles, pictures, and the built modules that a page imports. */
import { readFileSync } from 'node:fs'
import type { Asset } from './local-server.ts'

/** Whose user interface is shown in the page of the Stately inspector. */
export const STATELY = 'https://stately.ai'

/** The root of the built files; this one is `<built>/src/observe/inspector/assets.js`. */
const BUILT = new URL('../../../', import.meta.url)
const SCRIPTS = '/app/'

/** The built modules that may be asked for; a test holds them to what the pages import. */
export const MODULES: readonly string[] = [
  'src/observe/dashboard/details.js',
  'src/observe/dashboard/elements.js',
  'src/observe/dashboard/list.js',
  'src/observe/dashboard/machine.js',
  'src/observe/dashboard/main.js',
  'src/observe/dashboard/source.js',
  'src/observe/dashboard/stately.js',
  'src/observe/dashboard/ticking.js',
  'src/observe/dashboard/timeline.js',
  'src/observe/dashboard/token.js',
  'src/observe/sentence.js',
  'src/observe/tones.js',
  'src/registry/record.js',
  'src/server-events.js',
  'src/snake-case.js',
  'machines/events.js',
]

interface File {
  /** Under the built files. */
  readonly file: string
  readonly type: string
  readonly policy?: string
}

const HTML = 'text/html; charset=utf-8'
const CSS = 'text/css; charset=utf-8'
const ASSETS = 'src/observe/dashboard/assets'

const FILES: ReadonlyMap<string, File> = new Map<string, File>([
  [
    '/',
    {
      file: `${ASSETS}/page.html`,
      type: HTML,
      policy:
        "script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
    },
  ],
  [
    '/stately',
    {
      file: `${ASSETS}/stately.html`,
      type: HTML,
      policy: `script-src 'self'; style-src 'self'; connect-src 'self' ws://127.0.0.1:PORT ws://localhost:PORT; frame-src ${STATELY}`,
    },
  ],
  ['/page.css', { file: `${ASSETS}/page.css`, type: CSS }],
  ['/stately.css', { file: `${ASSETS}/stately.css`, type: CSS }],
  ['/icon.svg', { file: `${ASSETS}/icon.svg`, type: 'image/svg+xml' }],
  ['/machine.svg', { file: '../diagrams/agent.svg', type: 'image/svg+xml' }],
  ...MODULES.map((file): [string, File] => [
    `${SCRIPTS}${file}`,
    { file, type: 'text/javascript; charset=utf-8' },
  ]),
])

const read = new Map<string, string>()

/** Read when it is first asked for. Nothing but what is listed is ever read. */
export function assetAt(path: string, port: number): Asset | undefined {
  const found = FILES.get(path)
  if (!found) return undefined
  const { file, type, policy } = found
  const body = read.get(file) ?? readFileSync(new URL(file, BUILT), 'utf8')
  read.set(file, body)
  return { type, body, ...(policy !== undefined && { policy: policy.replaceAll('PORT', String(port)) }) }
}
