import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BundlingOptions } from 'aws-cdk-lib/aws-lambda-nodejs'
import type { Metafile } from 'esbuild'
import type { FunctionName } from '../../infra/lambdas.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const esbuild = fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url))

/** Makes one file of an entry exactly as CDK does for that Lambda, so that what is measured is what is deployed. */
export async function bundleLambda(entry: string, outfile: string, like: FunctionName = 'token'): Promise<Metafile> {
  // Loads the CDK, which takes seconds: only who bundles needs it.
  const { bundlingOf } = await import('../../infra/bundling.ts')
  const { commandHooks, ...options } = bundlingOf(like)
  const metafile = `${outfile}.meta.json`
  const args = [
    entry,
    '--bundle',
    '--platform=node',
    `--outfile=${outfile}`,
    `--metafile=${metafile}`,
    ...argumentsOf(options),
  ]
  await promisify(execFile)(esbuild, args, { cwd: root })
  for (const command of commandHooks?.afterBundling(root, dirname(outfile)) ?? [])
    await promisify(execFile)('sh', ['-c', command], { cwd: root })
  return JSON.parse(await readFile(metafile, 'utf8')) as Metafile
}

/** The options as esbuild's command line has them. @throws Error for one that is not known here */
function argumentsOf(options: BundlingOptions): string[] {
  return Object.entries(options).flatMap(([name, value]: [string, unknown]) => {
    const known = written[name]
    if (!known) throw new Error(`infra/bundling.ts sets ${name}, which the bench does not know`)
    return value === undefined || value === false ? [] : known(value)
  })
}

const written: Record<string, (value: unknown) => string[]> = {
  format: value => [`--format=${value}`],
  target: value => [`--target=${value}`],
  externalModules: value => (value as string[]).map(name => `--external:${name}`),
  mainFields: value => [`--main-fields=${(value as string[]).join(',')}`],
  minify: () => ['--minify'],
  keepNames: () => ['--keep-names'],
  sourceMap: () => ['--sourcemap'],
  metafile: () => [],
  logLevel: value => [`--log-level=${value}`],
  define: value => Object.entries(value as object).map(([name, text]) => `--define:${name}=${text}`),
  banner: value => [`--banner:js=${value}`],
  esbuildArgs: value =>
    Object.entries(value as object).map(([name, given]) =>
      given === true || given === '' ? name : `${name}=${given}`,
    ),
}

/** What a Lambda finds in its environment when it starts, as `infra/lambdas.ts` sets it; nothing is called with it. */
export const lambdaEnvironment = {
  NODE_OPTIONS: '--enable-source-maps',
  TABLE_NAME: 'bench',
  VAULT_KEY_ID: 'arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000',
  ISSUER: 'https://tessera.example',
  IDENTITY_ISSUER: 'https://identity.example',
  IDENTITY_CLIENT_ID: 'tessera',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
}
