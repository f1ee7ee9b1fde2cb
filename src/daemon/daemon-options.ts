/** What a daemon takes. */
import * as z from 'zod'
import type { Duration } from '../duration.ts'
import { type AdmissionOptions, admissionSchema } from '../options.ts'
import { duration } from '../strict.ts'

export interface DaemonOptions {
  /** Default: the user's (`$REEVE_HOME`, else `$XDG_STATE_HOME/reeve`, else `~/.local/state/reeve`). */
  readonly home?: string
  /** Serves on 127.0.0.1 besides, at this port (0: any that is free), for those who have the home's token. */
  readonly port?: number
  /** How long an agent that has ended is kept, with its entries and its log; `false`: for ever. Default `7d`. */
  readonly retention?: Duration | false
  /** When it refuses to spawn another agent: as for `createSupervisor`. */
  readonly admission?: AdmissionOptions
}

export const daemonOptionsSchema = z.strictObject({
  home: z.string().min(1).optional(),
  port: z.int().min(0).max(65_535).optional(),
  retention: z.union([duration, z.literal(false)]).optional(),
  admission: admissionSchema.optional(),
})
