/**
 * The build that is measured: `dist/`, or the folder that `REEVE_DIST` names (to compare two builds). What users import is
 * measured as they import it (`lib/`), parts of it by their modules.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
export const DIST = path.resolve(ROOT, process.env.REEVE_DIST ?? 'dist')

/** @param {string} file */
export const isBuilt = (file) => existsSync(path.join(DIST, file))

/** @param {string} file */
const load = (file) => import(pathToFileURL(path.join(DIST, file)).href)

/** @returns {Promise<typeof import('../src/index.ts')>} */
export const loadReeve = () => load('lib/index.js')
/** @returns {Promise<typeof import('../src/supervisor.ts')>} */
export const loadSupervisor = () => load('src/supervisor.js')
/** @returns {Promise<typeof import('../src/health/deadlines.ts')>} */
export const loadDeadlines = () => load('src/health/deadlines.js')
/** @returns {Promise<typeof import('../src/health/reports.ts')>} */
export const loadReports = () => load('src/health/reports.js')
/** @returns {Promise<typeof import('../src/clock.ts')>} */
export const loadClock = () => load('src/clock.js')
/** @returns {Promise<typeof import('../src/scheduler.ts')>} */
export const loadScheduler = () => load('src/scheduler.js')
/** @returns {Promise<typeof import('../src/registry/spill.ts')>} */
export const loadSpill = () => load('src/registry/spill.js')
/** @returns {Promise<typeof import('../src/registry/sqlite.ts')>} */
export const loadSqliteRegistry = () => load('lib/registry-sqlite.js')
/** @returns {Promise<typeof import('../src/registry/sqlite/api.ts')>} */
export const loadSqliteApi = () => load('src/registry/sqlite/api.js')
/** @returns {Promise<typeof import('../src/registry/json-file.ts')>} */
export const loadJsonFileRegistry = () => load('lib/registry-json-file.js')
/** @returns {Promise<typeof import('../machines/agent.ts')>} */
export const loadAgentMachine = () => load('machines/agent.js')
/** @returns {Promise<typeof import('../machines/children.ts')>} */
export const loadChildren = () => load('machines/children.js')
/** @returns {Promise<typeof import('../machines/effects.ts')>} */
export const loadEffects = () => load('machines/effects.js')
/** @returns {Promise<typeof import('../machines/supervisor.ts')>} */
export const loadSupervisorMachine = () => load('machines/supervisor.js')
