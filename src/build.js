/**
 * Builds `dist/`: JavaScript out of the sources, the page with its assets, and, unless told `--javascript`, the types of
 * what is published. Types are erased, so what runs does not wait for the compiler: that takes twenty times as long, and
 * checks everything in a step of its own (`npm run typecheck`).
 *
 * A module becomes a module. But what others import (`dist/lib`), and each program that Reeve starts as a process or a thread
 * of its own, is put together into few files, with what it uses of zod: two thirds of what a start took was Node finding and
 * reading two hundred modules of ours and as many of zod's. Every other package stays an import.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { cp, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUILT = path.join(ROOT, 'dist')
const ASSETS = 'src/observe/dashboard/assets'
/** The entrances of the package: each where its manifest says, of the source that has its types. */
const LIBRARY = Object.values(JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).exports)
  .filter(({ default: file }) => file)
  .map(({ types, default: file }) => ({
    in: types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'),
    out: file.replace(/^\.\/dist\/(.*)\.js$/, '$1'),
  }))
/** All of them, and the parts that they share, lie one folder deep in `dist/src`: see `together`. */
const PROGRAMS = ['src/cli/main.ts', 'src/daemon/daemon-host.ts']
/** Started for every supervisor: as CommonJS it is up in 40 ms of CPU, 25 of them an empty Node's; as a module in 56. */
const LAUNCHER = 'src/process/launcher-host.ts'
const THREAD = 'src/registry/sqlite/worker.ts'

const modules = ['machines', 'src', 'test'].flatMap((folder) =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('fixtures'))
    .map((file) => path.join(folder, file)),
)

/** Every import stays what it is, but of the built file. */
const apart = {
  name: 'apart',
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onResolve({ filter: /^/ }, ({ path: file, kind }) =>
      kind === 'entry-point' ? null : { path: file.replace(/^(\..*)\.ts$/, '$1.js'), external: true },
    )
  },
}

/**
 * For modules put together in another folder: what each finds beside itself it finds from there, too.
 * @param {string} toSources the way from that folder to `dist/src`
 */
const together = (toSources) => ({
  name: 'together',
  /** @param {esbuild.PluginBuild} build */
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
      kind === 'entry-point' || name === 'zod' ? null : { path: name, external: true },
    )
    build.onLoad({ filter: /\/(src|machines)\/.*\.ts$/ }, async ({ path: file }) => {
      const from = path.posix
        .join(toSources, path.relative(path.join(ROOT, 'src'), file))
        .replace(/ts$/, 'js')
      const here = `new URL(${JSON.stringify(from)}, import.meta.url).href`
      return { contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', here), loader: 'ts' }
    })
  },
})

/**
 * @param {NonNullable<esbuild.BuildOptions['entryPoints']>} entryPoints
 * @param {Partial<esbuild.BuildOptions>} options
 */
const javascript = (entryPoints, options) =>
  esbuild.build({
    entryPoints,
    absWorkingDir: ROOT,
    outdir: BUILT,
    outbase: ROOT,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    sourcemap: true,
    logLevel: 'warning',
    ...options,
  })

async function types() {
  const [code] = await once(
    spawn('tsc', ['-p', 'tsconfig.types.json'], { cwd: ROOT, stdio: 'inherit' }),
    'exit',
  )
  if (code !== 0) process.exit(1)
}

await rm(BUILT, { recursive: true, force: true })
await Promise.all([
  javascript(
    modules.filter((file) => ![...PROGRAMS, LAUNCHER, THREAD].includes(file)),
    { plugins: [apart] },
  ),
  javascript(LIBRARY, { splitting: true, chunkNames: 'lib/shared-[hash]', plugins: [together('../src')] }),
  ...PROGRAMS.map((program) =>
    javascript([program], {
      splitting: true,
      chunkNames: 'src/shared/[name]-[hash]',
      plugins: [together('..')],
    }),
  ),
  javascript([THREAD], { packages: 'external' }),
  javascript([LAUNCHER], { format: 'cjs', outExtension: { '.js': '.cjs' }, packages: 'external' }),
  cp(path.join(ROOT, ASSETS), path.join(BUILT, ASSETS), { recursive: true }),
  cp(path.join(ROOT, 'node_modules/zod/LICENSE'), path.join(BUILT, 'lib/LICENSE.zod')),
  process.argv.includes('--javascript') ? null : types(),
])
