/** Logs that never grow too large: what stands in for `src/process/log-keeper.ts`. Rotation is not simulated. */
import type { LogKeeper as Real } from '../../../src/process/log-keeper.ts'

export class LogKeeper implements Pick<Real, 'watch' | 'forget' | 'startOver' | 'close'> {
  watch(): void {}
  forget(): void {}
  startOver(): undefined {}
  async close(): Promise<void> {}
}
