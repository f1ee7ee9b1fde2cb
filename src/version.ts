/** Which Reeve this is: what a daemon and its clients tell each other. */
import { readFileSync } from 'node:fs'

/** From the package's own manifest: this file is `<package>/dist/src/version.js`. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
).version

/** The version of paths, shapes and meanings on the wire: `/v1`. */
export const WIRE_VERSION = 1
