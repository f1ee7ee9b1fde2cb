/**
 * Whether a program is sure to be executed. Only then may a shell stand before it, which would turn the system's errors
 * into exit codes; of any other the system itself says what is wrong.
 */
import { constants, type PathLike } from 'node:fs'
import { access, type FileHandle, open, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, resolve } from 'node:path'
import { errnoOf } from '../errors.ts'
import type { Execution } from './launch-errors.ts'

const HEAD_BYTES = 256
const ELF = Buffer.from('\x7fELF', 'latin1')
/** Class, byte order and machine stand in the first 20 bytes of an ELF file (elf(5)); the ABI between may differ. */
const ELF_CLASS_64 = 2
const ELF_LITTLE = 1
const MACHINE_AT = 18
const PT_INTERP = 3

export async function isSurelyExecuted({ command: [program], cwd, env }: Execution): Promise<boolean> {
  // A shell may take a leading dash for an option of its own.
  if (program === '' || program.startsWith('-')) return false
  try {
    if (program.includes('/')) return await runs(resolve(cwd, program))
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      const candidate = resolve(cwd, folder, program)
      if (await isExecutableFile(candidate)) return await runs(candidate)
    }
    return false
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

async function isExecutableFile(path: PathLike): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

async function runs(path: string): Promise<boolean> {
  if (!(await isExecutableFile(path))) return false
  const file = await open(path)
  try {
    const head = await bytesAt(file, 0, HEAD_BYTES)
    if (head.subarray(0, 4).equals(ELF)) return await isOurs(file, head)
    if (head.toString('latin1', 0, 2) === '#!') return await hasInterpreter(head)
    // What has no `#!` line is run by a shell, when it is text.
    return head.length > 0 && !head.includes(0)
  } finally {
    await file.close()
  }
}

async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at)
  return buffer.subarray(0, bytesRead)
}

async function hasInterpreter(head: Buffer): Promise<boolean> {
  const [line = ''] = head.toString('latin1', 2).split('\n', 1)
  const interpreter = line.trim().split(/[ \t]/, 1)[0] ?? ''
  return isAbsolute(interpreter) && runs(Buffer.from(interpreter, 'latin1').toString())
}

let own: Promise<Buffer> | undefined

const ownHead = async (): Promise<Buffer> => {
  const file = await open('/proc/self/exe')
  try {
    return await bytesAt(file, 0, HEAD_BYTES)
  } finally {
    await file.close()
  }
}

/** A binary for this machine, whose loader is there. */
async function isOurs(file: FileHandle, head: Buffer): Promise<boolean> {
  own ??= ownHead()
  const self = await own
  if (head.length < 64 || head[4] !== ELF_CLASS_64 || head[5] !== ELF_LITTLE) return false
  if (head[4] !== self[4] || head.readUInt16LE(MACHINE_AT) !== self.readUInt16LE(MACHINE_AT)) return false
  const size = head.readUInt16LE(54)
  const table = await bytesAt(file, Number(head.readBigUInt64LE(32)), size * head.readUInt16LE(56))
  for (let at = 0; size >= 56 && at + size <= table.length; at += size) {
    if (table.readUInt32LE(at) !== PT_INTERP) continue
    const [from, length] = [table.readBigUInt64LE(at + 8), table.readBigUInt64LE(at + 32)]
    const loader = (await bytesAt(file, Number(from), Math.min(Number(length), 4096))).toString('latin1')
    return isExecutableFile(loader.replace(/\0.*$/s, ''))
  }
  return true
}
