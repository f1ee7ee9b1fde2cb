/** Removes the home of a supervisor that died: exactly the folder that was the home when the launcher started. */
import { lstatSync, realpathSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { parse } from 'node:path'

/** Remembers which folder it is; the function returned refuses any other that has taken its place. */
export function homeRemover(home: string): () => void {
  const before = lstatSync(home)
  return () => {
    const now = lstatSync(home, { throwIfNoEntry: false })
    if (now === undefined) return
    const same = now.isDirectory() && now.ino === before.ino && now.dev === before.dev
    if (!same || now.uid !== process.geteuid?.()) throw new Error(`${home} is not the folder that it was`)
    const path = realpathSync(home)
    if (path === parse(path).root || path === homedir()) throw new Error(`${home} is no home of a supervisor`)
    // Symbolic links inside are removed as such, never followed.
    rmSync(path, { recursive: true, force: true })
  }
}
