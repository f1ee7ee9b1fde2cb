/** The suite that every registry passes, whoever wrote it. */
import type { Registry } from '../registry.ts'
import { answering } from './answering.ts'
import type { Case, ContractSubject } from './case.ts'
import { lasting } from './lasting.ts'
import { taking } from './taking.ts'

/** One promise of a registry, framework-free. */
export interface ContractCase {
  readonly title: string
  /** @throws AssertionError when the promise does not hold; whatever the registry throws, otherwise */
  run(): Promise<void>
}

/**
 * The contract of a registry as a list of cases, to be run by any test framework:
 *
 * ```ts
 * for (const { title, run } of registryContract({ open })) test(title, run)
 * ```
 *
 * Cases that need a part of the subject which is not given are left out. Each case closes the registry it was given.
 */
export function registryContract(subject: ContractSubject): ContractCase[] {
  return [...taking, ...answering, ...lasting]
    .filter(({ needs = [] }) => needs.every((part) => subject[part] !== undefined))
    .map(({ title, run }) => ({ title, run: () => tried(subject as Required<ContractSubject>, run) }))
}

async function tried(subject: Required<ContractSubject>, run: Case['run']): Promise<void> {
  const opened = new Set<Registry>()
  const kept = async (opening: Promise<Registry>) => {
    const registry = await opening
    opened.add(registry)
    return registry
  }
  try {
    await run(await kept(subject.open()), {
      open: () => kept(subject.open()),
      reopen: (registry) => kept(subject.reopen(registry)),
      beside: (registry) => kept(subject.beside(registry)),
      fail: (registry) => subject.fail(registry),
    })
  } finally {
    for (const registry of opened) await registry.close?.()
  }
}
