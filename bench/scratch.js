/** A folder that is gone afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * @template T
 * @param {(dir: string) => Promise<T>} work
 */
export async function inScratch(work) {
  const dir = mkdtempSync(path.join(tmpdir(), 'reeve-bench-'))
  try {
    return await work(dir)
  } finally {
    // Whoever was killed at work may still be leaving.
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}
