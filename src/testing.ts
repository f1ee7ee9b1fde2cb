/** `reeve/testing`: try your own registry with the suite that every registry of Reeve's passes. */
export type { ContractSubject } from './registry/contract/case.ts'
export { type ContractCase, registryContract } from './registry/contract/contract.ts'
export { batchesOf, recordsOf, Writer } from './registry/contract/samples.ts'
export type { Registry, RegistrySink } from './registry/registry.ts'
