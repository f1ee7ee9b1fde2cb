/** What the tests of durable registries share: the registries by name, and a place of their own for each. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { jsonFileRegistry } from '../../src/registry/json-file.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import type { Registry } from '../../src/testing.ts'

export type Make = (file: string) => Registry

/** Every durable registry, with the name of its file. */
export const DURABLE: Readonly<Record<string, { readonly file: string; readonly make: Make }>> = {
  sqlite: { file: 'agents.db', make: (file) => sqliteRegistry(file, { retention: false }) },
  'json-file': { file: 'agents.json', make: (file) => jsonFileRegistry(file, { retention: false }) },
}

export async function opened(registry: Registry): Promise<Registry> {
  await registry.open()
  return registry
}

/** A folder that is gone after the test. */
export function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'reeve-registry-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
