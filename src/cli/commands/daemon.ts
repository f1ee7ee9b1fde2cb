/** The daemon itself: up, down, status, doctor. */
import type { Command } from 'commander'
import { realClock } from '../../clock.ts'
import type { DaemonOptions } from '../../daemon/daemon-options.ts'
import type { Finding } from '../../daemon/doctor.ts'
import type { DaemonStatus } from '../../daemon/reach.ts'
import { span } from '../../observe/sentence.ts'
import { entryLine } from '../../terminal/entry-line.ts'
import { paint } from '../../terminal/screen.ts'
import type { Desk } from '../desk.ts'
import { portNumber } from '../port-number.ts'

interface UpGiven {
  detach?: boolean
  port?: number
  retention?: string
  admissionMemoryFree?: string
  admissionCpuLoad?: number
}

export const up = (program: Command, desk: Desk): Command =>
  program
    .command('up')
    .summary('run the daemon')
    .description(
      'Runs the daemon in the foreground, or with -d in the background: then it returns once the daemon answers, also when one ran already.',
    )
    .option('-d, --detach', 'in the background')
    .option(
      '--port <port>',
      'serve on 127.0.0.1 as well, for those who have the token; 0: any that is free',
      portNumber,
    )
    .option(
      '--retention <duration>',
      'how long agents that have ended are kept; "off": for ever (default: 7d)',
    )
    .option('--admission-memory-free <size>', 'start no agent while less memory is free, like 512mb')
    .option(
      '--admission-cpu-load <load>',
      'start no agent while the load average of the last minute is higher for each CPU, like 1.5',
      Number,
    )
    .action(async (given: UpGiven) => {
      const { detach, port, retention, admissionMemoryFree: memoryFree, admissionCpuLoad: cpuLoad } = given
      const options: DaemonOptions = {
        ...desk.daemonOptions(),
        ...(port !== undefined && { port }),
        ...(retention !== undefined && { retention: retention === 'off' ? false : retention }),
        ...((memoryFree ?? cpuLoad) !== undefined && { admission: { memoryFree, cpuLoad } }),
      }
      if (detach) {
        const { startDaemon } = await import('../../daemon/start.ts')
        const { daemon, started } = await startDaemon(options)
        desk.answer(
          { ...daemon, started },
          `${started ? 'started' : 'runs already'}: pid ${daemon.pid}, home ${daemon.home}`,
        )
        return
      }
      // A daemon goes on, whether anybody reads along or not.
      desk.whenUnread = () => {}
      const { runDaemon } = await import('../../daemon/index.ts')
      const { endOnSignals } = await import('../../daemon/end-on-signals.ts')
      const daemon = await runDaemon(options, (line) => desk.remark(line))
      endOnSignals(daemon, (line) => desk.remark(line))
      const served = daemon.status()
      desk.one(
        served,
        `Reeve ${served.version} · pid ${served.pid} · ${served.socket}${served.url === null ? '' : ` · ${served.url}`}`,
      )
      if (!desk.options.json) {
        daemon.reeve.on('transition', (entry) => desk.line(`${entry.at}  ${entryLine(entry, desk.screen)}`))
        daemon.reeve.on('warning', ({ message }) => desk.remark(paint(desk.errorScreen, 'yellow', message)))
      }
      const { escaped } = await daemon.stopped
      process.exit(escaped.length > 0 ? 7 : 0)
    })

export const down = (program: Command, desk: Desk): Command =>
  program
    .command('down')
    .summary('end every agent, then the daemon')
    .description(
      'Stops the agents in reverse order, each by its ladder, then the daemon. Returns when its process is gone.',
    )
    .option('--timeout <duration>', 'for all of them together; then SIGKILL (default: 30s)')
    .action(async ({ timeout }: { timeout?: string }) => {
      const reeve = await desk.reeve()
      if (desk.watched)
        for (const event of ['transition'] as const)
          reeve.on(event, (entry) => desk.remark(entryLine(entry, desk.errorScreen)))
      const result = await reeve.shutdown({ by: 'down', ...(timeout !== undefined && { timeout }) })
      const { ended, escaped, timedOut } = result
      desk.answer(
        result,
        `${ended} agent${ended === 1 ? '' : 's'} ended${escaped.length > 0 ? ` · still there: pid ${escaped.join(', ')}` : ''}${timedOut ? ' · the time ran out' : ''}`,
      )
      if (escaped.length > 0) desk.status = 7
    })

const statusText = (status: DaemonStatus): string => {
  const agents = Object.entries(status.agents).map(([state, count]) => `${count} ${state}`)
  return [
    `Reeve ${status.version} · pid ${status.pid} · up ${span(realClock.wallNow() - Date.parse(status.startedAt))}${status.stopping ? ' · stopping' : ''}`,
    `  home    ${status.home}`,
    `  socket  ${status.socket}`,
    ...(status.url === null ? [] : [`  url     ${status.url}`]),
    `  agents  ${agents.join(', ') || 'none'}`,
    ...(status.trouble === null ? [] : [`  trouble ${status.trouble}`]),
    `  memory  ${Math.round(status.rss / 1024 / 1024)} MB`,
  ].join('\n')
}

export const status = (program: Command, desk: Desk): Command =>
  program
    .command('status')
    .summary('whether a daemon runs, and what it holds')
    .description('Tells of the daemon. Without one it fails with daemon_not_running (status 5).')
    .action(async () => {
      const answer = await (await desk.reeve()).status()
      desk.answer(answer, statusText(answer))
    })

const MARKS = { ok: ['✓', 'green'], warning: ['!', 'yellow'], wrong: ['✗', 'red'] } as const

export const doctorCommand = (program: Command, desk: Desk): Command =>
  program
    .command('doctor')
    .summary('what is wrong here, and the way out')
    .description(
      'Looks at home, lock, socket, versions and leftovers, and changes nothing. Fails (status 1) when something is wrong.',
    )
    .action(async () => {
      const { doctor } = await import('../../daemon/doctor.ts')
      const findings = await doctor(desk.options.home)
      const text = ({ check, verdict, message, way }: Finding): string => {
        const [mark, colour] = MARKS[verdict]
        const shown = desk.screen.width === undefined ? verdict : paint(desk.screen, colour, mark)
        return `${shown} ${check}: ${message}${way === undefined ? '' : `\n    ${way}`}`
      }
      desk.answer(findings, findings.map(text).join('\n'))
      if (findings.some(({ verdict }) => verdict === 'wrong')) desk.status = 1
    })
