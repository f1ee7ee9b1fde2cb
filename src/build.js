/**
 * Builds `dist/`, for `npm run build`: what the compiler makes of the sources, the page with its assets, and then each
 * program that Reeve starts as a process of its own put together into few files, in place. Half of what such a start took
 * was Node finding and reading its fifty to two hundred modules. What is imported stays as the compiler left it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUILT = path.join(ROOT, 'dist')
const ASSETS = 'src/observe/dashboard/assets'
/** All of them, and the parts that they share, lie one folder deep in `dist/src`: see `whereItWas`. */
const PROGRAMS = ['src/cli/main.js', 'src/daemon/daemon-host.js', 'src/process/launcher-host.js']

/** What a module finds beside itself it finds from where it is now, too. */
const whereItWas = {
  name: 'where-it-was',
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onLoad({ filter: /\.js$/ }, async ({ path: file }) => {
      if (!file.startsWith(BUILT)) return null
      const from = path.posix.join('..', path.relative(path.join(BUILT, 'src'), file))
      const here = `new URL(${JSON.stringify(from)}, import.meta.url).href`
      return { contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', here) }
    })
  },
}

/** @param {string} project */
async function compile(project) {
  const [code] = await once(spawn('tsc', ['-p', project], { cwd: ROOT, stdio: 'inherit' }), 'exit')
  if (code !== 0) process.exit(1)
}

await rm(BUILT, { recursive: true, force: true })
await Promise.all([
  compile('tsconfig.json'),
  compile('tsconfig.page.json'),
  cp(path.join(ROOT, ASSETS), path.join(BUILT, ASSETS), { recursive: true }),
])
for (const program of PROGRAMS)
  await esbuild.build({
    entryPoints: [path.join(BUILT, program)],
    outdir: BUILT,
    outbase: BUILT,
    chunkNames: 'src/shared/[name]-[hash]',
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    plugins: [whereItWas],
  })
