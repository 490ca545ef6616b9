import { globSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { transform } from 'esbuild'
import { compile } from 'tailwindcss'

/**
 * Builds the portal's one stylesheet: Tailwind's compiler over portal.css and the classes that the pages name. The
 * result is committed, so that neither a deployment nor `npm start` needs the compiler.
 */

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'functions', 'portal')
const target = join(folder, 'stylesheet.ts')
const resolve = createRequire(import.meta.url).resolve

/** @returns the minified CSS; the same for the same sources */
export async function buildStyles(): Promise<string> {
  const compiler = await compile(await readFile(join(folder, 'portal.css'), 'utf8'), {
    base: folder,
    // Browsers that renew themselves know colour mixing and registered properties.
    polyfills: 0,
    loadStylesheet: async (id, base) => {
      const path = resolve(id)
      return { path, base, content: await readFile(path, 'utf8') }
    },
    loadModule: async (id, base) => {
      const path = resolve(id)
      return { path, base, module: (await import(path)).default }
    },
  })
  const { code } = await transform(compiler.build(classNames()), { loader: 'css', minify: true, legalComments: 'none' })
  return code.trim()
}

/** The words of every string literal in the pages; a class that is put together at run time is not seen. */
export function classNames(): string[] {
  const sources = globSync('functions/{portal,oauth,finance}/**/*.{ts,tsx}', { cwd: root })
    .filter(file => !/\/messages\/|\/stylesheet\.ts$/.test(file.replaceAll('\\', '/')))
    .map(file => readFileSync(join(root, file), 'utf8'))
  const words = sources.flatMap(source =>
    [...source.matchAll(/"([^"\n]*)"|'([^'\n]*)'|`([^`]*)`/g)].flatMap(([, double, single, template]) =>
      (double ?? single ?? template ?? '').split(/[\s{}$?:'"`]*\s[\s{}$?:'"`]*|[{}$'"`]+/),
    ),
  )
  return [...new Set(words)].filter(Boolean).sort()
}

/** The module that holds the CSS. */
export const stylesheetModule = (css: string): string =>
  `// Built by \`npm run build:css\` from portal.css and the classes that the pages name: change those, then build anew.
export const stylesheet =
  ${JSON.stringify(css)}
`

if (process.argv[1] === import.meta.filename) {
  const css = await buildStyles()
  await writeFile(target, stylesheetModule(css))
  console.log(`functions/portal/stylesheet.ts: ${css.length} bytes, ${gzipSync(css).length} with gzip`)
}
