/** supervisord, from its own start: it has its programs from its configuration. */
/** @import { Peer } from './peers.js' */
/** @import { ChildProcess } from 'node:child_process' */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ended } from './peers.js'

/** @type {Peer} */
export const supervisord = {
  name: 'supervisord',
  program: 'supervisord',
  async open(exec, dir, command, count) {
    const file = path.join(dir, 'supervisord.conf')
    writeFileSync(
      file,
      `[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=${path.join(dir, 'supervisord.pid')}
[program:app]
command=${command.join(' ')}
process_name=app-%(process_num)d
numprocs=${count}
autorestart=true
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
`,
    )
    /** @type {ChildProcess | undefined} */
    let child
    return {
      start: () => {
        child = spawn(exec, ['-c', file], { stdio: 'ignore' })
      },
      async close() {
        if (child === undefined) return
        child.kill('SIGTERM')
        await ended(child)
      },
    }
  },
}
