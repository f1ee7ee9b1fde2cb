import { execFileSync } from 'node:child_process'
import t from 'tap'
import { DIST, fixture, temporaryFolder } from './rig.ts'

t.test(
  'out of descriptors: a launch fails, nothing is taken for dead, and all goes on when there are some',
  async (t) => {
    const script = `ulimit -n 60; exec "$0" "$@"`
    const args = [process.execPath, fixture('runs-out-of-descriptors.js'), DIST, temporaryFolder(t)]
    const output = execFileSync('sh', ['-c', script, ...args], { encoding: 'utf8', timeout: 20_000 })
    const said = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.match(said, [
      { type: 'SPAWNED', agentId: 'before' },
      { type: 'EMFILE' },
      { type: 'SPAWN_FAILED', agentId: 'during', error: { errno: 'EMFILE', message: /ulimit -n/ } },
      { type: 'SIGNALLED', agentId: 'before', signalled: [] },
      { type: 'EXITED', agentId: 'before', exit: { code: null, signal: 'SIGKILL' } },
      { type: 'SWEPT', agentId: 'before', escaped: [] },
      { type: 'SPAWNED', agentId: 'after' },
      { type: 'EXITED', agentId: 'after' },
    ])
  },
)
