/** What is served as it is: pages, styles, pictures, and the built modules that a page imports. */
import { readFileSync } from 'node:fs'
import type { Asset } from './local-server.ts'

/** Whose user interface is shown in the page of the Stately inspector. */
export const STATELY = 'https://stately.ai'

/** The root of the built files; this one is `<built>/src/observe/inspector/assets.js`. */
const BUILT = new URL('../../../', import.meta.url)
const SCRIPTS = '/app/'

/** The built modules that may be asked for; a test holds them to what the pages import. */
export const MODULES = ['src/observe/dashboard/stately.js', 'src/observe/dashboard/token.js']

const FILES: Readonly<
  Record<string, { readonly file: string; readonly type: string; readonly policy?: string }>
> = {
  '/stately': {
    file: 'src/observe/dashboard/assets/stately.html',
    type: 'text/html; charset=utf-8',
    policy: `script-src 'self'; style-src 'self'; connect-src 'self' ws://127.0.0.1:PORT ws://localhost:PORT; frame-src ${STATELY}`,
  },
  '/stately.css': { file: 'src/observe/dashboard/assets/stately.css', type: 'text/css; charset=utf-8' },
}

const loaded = new Map<string, string>()

/** Read once. Nothing but what is listed is ever read. */
export function assetAt(path: string, port: number): Asset | undefined {
  const found =
    FILES[path] ??
    (path.startsWith(SCRIPTS) && MODULES.includes(path.slice(SCRIPTS.length))
      ? { file: path.slice(SCRIPTS.length), type: 'text/javascript; charset=utf-8' }
      : undefined)
  if (!found || !(Object.hasOwn(FILES, path) || path.startsWith(SCRIPTS))) return undefined
  let body = loaded.get(found.file)
  if (body === undefined) {
    body = readFileSync(new URL(found.file, BUILT), 'utf8')
    loaded.set(found.file, body)
  }
  const policy = 'policy' in found ? found.policy?.replaceAll('PORT', String(port)) : undefined
  return { type: found.type, body, ...(policy !== undefined && { policy }) }
}
