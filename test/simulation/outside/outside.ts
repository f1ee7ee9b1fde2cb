/** Everything of the world that a supervisor touches, simulated. */
import type { Outside } from '../../../src/outside.ts'
import { LauncherClient } from '../../../src/process/launcher-client.ts'
import { MemoryBacklog } from '../../../src/registry/backlog.ts'
import type { World } from '../world.ts'

export const outsideOf = (world: World): Outside => ({
  startLauncher: (options) => LauncherClient.start(options),
  openReports: (options) => world.reports.open(options),
  logSize: world.logs.size,
  logLook: world.logs.look,
  readLog: world.logs.read,
  openSpill: () => new MemoryBacklog(),
  replaySpills: async () => {},
  random: () => world.jitter.next(),
})
