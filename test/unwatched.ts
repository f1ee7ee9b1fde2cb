/**
 * Preloaded before tap. To tell which test a stray error belongs to, tap hooks the making and the end of every promise and
 * handle of the process (`async_hooks`), which doubles what most files cost, in product code too. Without that hook a stray
 * error ends the process of its file, loudly; whatever a test awaits fails that test as before.
 */
import hooks from 'node:async_hooks'
import { syncBuiltinESMExports } from 'node:module'

const { createHook } = hooks
const inert: hooks.AsyncHook = { enable: () => inert, disable: () => inert }
hooks.createHook = () => inert
syncBuiltinESMExports()
await import('tap')
hooks.createHook = createHook
syncBuiltinESMExports()
