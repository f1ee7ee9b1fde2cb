/** The sources of the package as a syntax tree each, and who imports whom. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** The checkout: this file is `<root>/<dist>/test/architecture/sources.js`. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export interface Import {
  /** As written. */
  readonly specifier: string
  /** A path in the repository, or the name of a package (`xstate`, `node:fs`). */
  readonly target: string
  /** Erased when compiled: nothing is loaded. */
  readonly typeOnly: boolean
  /** `import()`: loaded when it is first used. */
  readonly dynamic: boolean
}

export interface Source {
  /** Path in the repository, with forward slashes. */
  readonly file: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

const parse = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(path.join(ROOT, file), 'utf8'), ts.ScriptTarget.ES2023, true)

/** Calls `see` for a node and all that it holds. */
export function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node)
  ts.forEachChild(node, (child) => walk(child, see))
}

function importsOf(file: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  const add = (literal: ts.Node | undefined, typeOnly: boolean, dynamic: boolean) => {
    if (!literal || !ts.isStringLiteral(literal)) return
    const specifier = literal.text
    const target = specifier.startsWith('.')
      ? path.posix.join(path.posix.dirname(file), specifier)
      : specifier.startsWith('node:')
        ? specifier
        : specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/')
    found.push({ specifier, target, typeOnly, dynamic })
  }
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword, false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true, false)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false, true)
  })
  return found
}

const filesUnder = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.posix.join(folder, name.split(path.sep).join('/')))
    .sort()

/** `machines/` and `src/`, all of it. */
export const sources: readonly Source[] = ['machines', 'src'].flatMap(filesUnder).map((file) => {
  const tree = parse(file)
  return { file, tree, imports: importsOf(file, tree) }
})

/** Every file that comes along when this one is loaded, itself included, and every package; `import()` aside. */
export function loadedBy(entry: string): { readonly files: Set<string>; readonly packages: Set<string> } {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  const files = new Set<string>()
  const packages = new Set<string>()
  const visit = (file: string): void => {
    if (files.has(file)) return
    files.add(file)
    const source = byFile.get(file)
    if (!source) throw new Error(`${file} is imported and does not exist`)
    for (const { target, typeOnly, dynamic } of source.imports) {
      if (typeOnly || dynamic) continue
      if (existsSync(path.join(ROOT, target)) && target.endsWith('.ts')) visit(target)
      else packages.add(target)
    }
  }
  visit(entry)
  return { files, packages }
}
