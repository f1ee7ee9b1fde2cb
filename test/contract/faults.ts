/** Ways in which a disk fails for real. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

/** A file system of its own, of so many kilobytes; `undefined` where one may not be mounted. */
export function smallDisk(t: Test, folder: string, kilobytes: number): string | undefined {
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  try {
    run('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'none', disk)
  } catch (error) {
    t.comment(`no file system may be mounted here: ${error}`)
    return undefined
  }
  t.teardown(() => run('umount', '-l', disk))
  return disk
}

/** Takes all the space that is left; what it returns gives it back. */
export function fill(disk: string): () => Promise<void> {
  const file = join(disk, 'filler')
  const descriptor = openSync(file, 'w')
  for (let size = 65_536; size >= 1; ) {
    try {
      writeSync(descriptor, Buffer.alloc(size))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      size = Math.floor(size / 2)
    }
  }
  closeSync(descriptor)
  return async () => rmSync(file)
}

/** A process that holds an SQLite database for itself; what it returns lets it go. */
export async function holdDatabase(file: string): Promise<{ pid: number; release: () => Promise<void> }> {
  const program = `
    const { loadSqlite } = await import(${JSON.stringify(new URL('../../src/registry/sqlite/api.js', import.meta.url).href)})
    const database = new (await loadSqlite()).DatabaseSync(${JSON.stringify(file)})
    database.exec('BEGIN EXCLUSIVE')
    console.log('held')
    process.stdin.on('end', () => { database.exec('ROLLBACK'); process.exit() }).resume()`
  const holder = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const exited = once(holder, 'exit')
  return {
    pid: holder.pid ?? 0,
    release: async () => {
      holder.stdin.end()
      await exited
    },
  }
}
