import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { Metafile } from 'esbuild'
import { bundleLambda, lambdaEnvironment } from './lambda-bundle.ts'
import { interleaved, ratioOf, spreadOf } from './measure.ts'
import { kilobytes, number, type Section, spread, times } from './report.ts'
import type { Stage } from './stage.ts'

const entries = { token: '../../functions/token.ts', bare: 'bare-lambda.ts' } as const
type Entry = keyof typeof entries
const names: Record<Entry, string> = { token: '`functions/token.ts`', bare: 'bare Hono + DynamoDB client' }
const packagesShown = 8

/** Bytes of a Lambda's code as esbuild counts them; `own` by package, without what only the AWS SDK brings. */
type Bundle = { file: string; bytes: number; sdk: number; own: Map<string, number> }

/** The token Lambda's code against the least Lambda there could be: its size, and how long a cold start imports it. */
export async function bundleTopic({ quick, progress, folder }: Stage): Promise<Section> {
  progress('bundle: building')
  const bundles = { token: await bundled('token', folder), bare: await bundled('bare', folder) }
  const rounds = quick ? 2 : 25
  const order: Entry[] = ['token', 'bare']
  for (const entry of order) await imported(bundles[entry].file)
  const found = await interleaved(order, rounds, (entry, round) => {
    if (entry === order[round % 2] && round % 5 === 0) progress(`bundle: import ${round + 1} of ${rounds}`)
    return imported(bundles[entry].file)
  })
  return sectionOf(bundles, found, rounds)
}

async function bundled(entry: Entry, folder: string): Promise<Bundle> {
  const outfile = join(folder, `${entry}-lambda.mjs`)
  const entryPoint = fileURLToPath(new URL(entries[entry], import.meta.url))
  const metafile = await bundleLambda(entryPoint, outfile)
  const output = Object.values(metafile.outputs).find(candidate => candidate.entryPoint !== undefined)
  if (output?.entryPoint === undefined) throw new Error(`esbuild made nothing of ${entryPoint}`)
  const without = reachedWithoutSdk(metafile, output.entryPoint)
  let sdk = 0
  const own = new Map<string, number>()
  for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
    if (!without.has(path)) sdk += bytesInOutput
    else own.set(packageOf(path), (own.get(packageOf(path)) ?? 0) + bytesInOutput)
  }
  return { file: outfile, bytes: output.bytes, sdk, own }
}

/** The SDK's share is what would be gone with its imports: its packages, and what no one else needs. */
function reachedWithoutSdk({ inputs }: Metafile, entry: string): Set<string> {
  const reached = new Set<string>()
  const ahead = [entry]
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (reached.has(path) || /(^|\/)node_modules\/@(aws-sdk|smithy|aws-crypto|aws)\//.test(path)) continue
    reached.add(path)
    for (const { path: imported, external } of inputs[path]?.imports ?? []) if (!external) ahead.push(imported)
  }
  return reached
}

const packageOf = (path: string): string =>
  /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(path)?.[1] ?? "the repository's own code"

const script = `const started = performance.now()
const before = process.cpuUsage()
await import(process.argv[1])
const { user, system } = process.cpuUsage(before)
process.stdout.write(JSON.stringify({ milliseconds: performance.now() - started, processor: (user + system) / 1000 }))
process.exit()`

/** Elapsed and processor time of `import()`, in milliseconds. */
type Import = { milliseconds: number; processor: number }

/** In a process of its own, as a cold start is one, with the environment that the Lambda has. */
async function imported(file: string): Promise<Import> {
  const { NODE_OPTIONS: _options, ...inherited } = process.env
  const env = { ...inherited, ...lambdaEnvironment }
  const args = ['--input-type=module', '--eval', script, pathToFileURL(file).href]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 })
  return JSON.parse(stdout) as Import
}

function sectionOf(bundles: Record<Entry, Bundle>, found: Record<Entry, Import[]>, rounds: number): Section {
  const elapsed = (entry: Entry) => found[entry].map(({ milliseconds }) => milliseconds)
  const row = (entry: Entry) => {
    const { bytes, sdk } = bundles[entry]
    const imports = [
      spread(spreadOf(elapsed(entry))),
      number(spreadOf(found[entry].map(({ processor }) => processor)).median),
      times(ratioOf(elapsed(entry), elapsed('bare'))),
    ]
    return [names[entry], kilobytes(bytes), kilobytes(sdk), kilobytes(bytes - sdk), ...imports]
  }
  const { bytes, sdk, own } = bundles.token
  const largest = [...own].sort(([, a], [, b]) => b - a).slice(0, packagesShown)
  const ratio = ratioOf(elapsed('token'), elapsed('bare')).median
  return {
    topic: 'bundle',
    tables: [
      {
        columns: ['', 'minified', 'of it AWS SDK', 'without the SDK', 'import, ms', 'CPU ms', 'against the bare one'],
        rows: [row('token'), row('bare')],
      },
      {
        columns: ['the largest in `functions/token.ts` besides the SDK', 'minified'],
        rows: largest.map(([name, size]) => [name, kilobytes(size)]),
      },
    ],
    targets: [
      { name: 'bundle without the SDK', measured: (bytes - sdk) / 1000, limit: 350, bound: 'at most', unit: ' KB' },
      { name: 'import against the bare Lambda', measured: ratio, limit: 1.5, bound: 'at most', unit: ' ×' },
    ],
    notes: [
      `1 KB is 1,000 bytes. Import times are medians of ${rounds} fresh processes each, in turn (lowest–highest): the time of \`import()\` alone, with the environment of the Lambda.`,
    ],
  }
}
