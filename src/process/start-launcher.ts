/** Starts a launcher of either kind. */
import { InlineLauncher } from './inline-launcher.ts'
import type { Launcher, LauncherOptions } from './launcher.ts'
import { LauncherClient } from './launcher-client.ts'

/** Throws `launcher_failed` when the helper cannot be started. */
export async function startLauncher(options: LauncherOptions): Promise<Launcher> {
  return options.mode === 'inline' ? InlineLauncher.start(options) : LauncherClient.start(options)
}
