/** Whether everyone is well. */
import type { World } from '../world.ts'

/** Since when the supervisor and its launcher are well, and speak to each other. */
export function calmSinceMs({ launchers, truth, supervisor }: World): number {
  const { serving } = launchers
  if (!serving || serving.party.frozen || supervisor.frozen) return Number.POSITIVE_INFINITY
  return Math.max(truth.disturbedMs, serving.welcomedAtMs ?? 0, truth.blocked.at(-1)?.toMs ?? 0)
}
