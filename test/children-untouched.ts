/**
 * tap instruments every process that a test starts by `NODE_OPTIONS`, launchers and agents too. What is tested here is
 * what users get, so none of it reaches a child. Imported for its effect.
 */
interface SpawnHook {
  readonly listeners: unknown[]
}
const hooks = globalThis as unknown as Record<symbol, SpawnHook | undefined>
const hook = hooks[Symbol.for('process-on-spawn@*:singletonId')]
if (hook) hook.listeners.length = 0
for (const name of Object.keys(process.env))
  if (name === 'NODE_OPTIONS' || name.startsWith('_TAPJS_')) delete process.env[name]
