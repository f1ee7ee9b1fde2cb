/** Starts a launcher of either kind. */
import type { Clock } from '../clock.ts'
import { InlineLauncher } from './inline-launcher.ts'
import type { Launcher, LauncherEvents } from './launcher.ts'
import { LauncherClient } from './launcher-client.ts'

export interface LauncherOptions {
  /** The folder that holds socket and log of the launcher: absolute, existing, 0700. */
  readonly home: string
  /** Names the socket, and is what both sides show each other. One per supervisor: `^[A-Za-z0-9_-]{1,64}$`. */
  readonly launcherId: string
  /** The home is removed by the launcher when its supervisor died without saying good-bye. */
  readonly ephemeral: boolean
  /** `process`: a helper of its own, which outlives the supervisor. `inline`: in this process. */
  readonly mode: 'process' | 'inline'
  /** Node's binary, where `process.execPath` is not it. */
  readonly exec?: string
  /** What every agent inherits; `REEVE_*` is taken out. */
  readonly baseEnv: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly events: LauncherEvents
}

/** Throws `launcher_failed` when the helper cannot be started. */
export async function startLauncher(options: LauncherOptions): Promise<Launcher> {
  return options.mode === 'inline' ? new InlineLauncher(options) : LauncherClient.start(options)
}
