/** pm2, its daemon up already; `pm2 start` reads the apps from a file. */
/** @import { Peer } from './peers.js' */
import { execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const LIMIT_MS = 20_000

/** @type {Peer} */
export const pm2 = {
  name: 'pm2',
  program: 'pm2',
  async open(exec, dir, [script, ...args], count) {
    const apps = Array.from({ length: count }, (_, i) => ({
      name: `app-${i}`,
      script,
      args,
      interpreter: 'none',
      autorestart: true,
    }))
    const file = path.join(dir, 'apps.json')
    writeFileSync(file, JSON.stringify({ apps }))
    const env = { ...process.env, PM2_HOME: path.join(dir, 'pm2'), PM2_DISCRETE_MODE: 'true' }
    const run = (/** @type {string[]} */ ...words) =>
      promisify(execFile)(exec, words, { env, timeout: LIMIT_MS })
    await run('ping')
    return {
      start: () => spawn(exec, ['start', file], { env, stdio: 'ignore', timeout: LIMIT_MS }),
      close: () => run('kill'),
    }
  },
}
