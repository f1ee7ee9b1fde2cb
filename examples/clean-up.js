// What an agent leaves is cleared away when its whole tree is gone: its own folder, and by hooks what else there is; or
// nothing of it, for a look. Exits with 0 when all went as it says here.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSupervisor, sentenceOf } from 'reeve'

const folder = mkdtempSync(path.join(tmpdir(), 'reeve-clean-up-'))
const reeve = await createSupervisor({ home: path.join(folder, 'home') })
reeve.on('transition', (entry) => console.log(entry.name, entry.to, sentenceOf(entry)))

/** Tells where its folder is, and puts something there. @param {string} name */
const begin = async (name) => {
  const said = path.join(folder, name)
  /** @type {string[]} */
  const hooks = []
  const agent = reeve.spawn({
    name,
    command: [
      'sh',
      '-c',
      'touch "$REEVE_TMP/work"; echo "$REEVE_TMP" > "$0"; echo ready >> "$REEVE_REPORT"; exec sleep 600',
      said,
    ],
    ready: { report: true },
    tmp: true,
    cleanup: [
      { command: ['sh', '-c', 'echo "$REEVE_REASON" > "$0"', `${said}.reason`] },
      ({ name }) => hooks.push(name),
    ],
  })
  await agent.ready
  return { agent, tmp: readFileSync(said, 'utf8').trim(), reason: `${said}.reason`, hooks }
}

const tidy = await begin('tidy')
await tidy.agent.stop()
const left = await begin('left')
await left.agent.kill({ cleanup: false })

const asItSays =
  !existsSync(tidy.tmp) &&
  readFileSync(tidy.reason, 'utf8') === 'user\n' &&
  tidy.hooks.join() === 'tidy' &&
  existsSync(path.join(left.tmp, 'work')) &&
  !existsSync(left.reason) &&
  left.hooks.length === 0
await reeve.stop()
rmSync(folder, { recursive: true, force: true })
process.exit(asItSays ? 0 : 1)
