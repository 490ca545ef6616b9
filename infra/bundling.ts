import { type BundlingOptions, LogLevel, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import type { FunctionName } from './lambdas.ts'

/** The authorization server names its stored models by their classes; `api` carries it to describe its routes. */
const withNames: readonly FunctionName[] = ['api', 'authorize']

/** The font of statements as PDF, which lies beside the bundle under the name that functions/reports asks for. */
const font = 'node_modules/@fontsource/noto-sans-sc/files/noto-sans-sc-chinese-simplified-400-normal.woff'
const withFont = {
  beforeBundling: () => [],
  beforeInstall: () => [],
  afterBundling: (from: string, to: string) => [`cp "${from}/${font}" "${to}/noto-sans-sc.woff"`],
}

/** How a Lambda's entry point becomes one file, and what lies beside it. */
export const bundlingOf = (name: FunctionName): BundlingOptions => ({
  format: OutputFormat.ESM,
  target: 'node24',
  // The SDK goes into the bundle: what runs is the version that the tests ran, and Lambda's own one may differ.
  externalModules: [],
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: withNames.includes(name),
  sourceMap: true,
  metafile: true,
  logLevel: LogLevel.WARNING,
  esbuildArgs: {
    // Node reads the whole map at a start: without the text of the sources it is a third, and still gives their lines.
    '--sources-content': 'false',
    // An import of a name that a module does not have would only be undefined when it is called.
    '--log-override:import-is-undefined': 'error',
  },
  ...(name === 'api' && { commandHooks: withFont }),
  // CommonJS dependencies still call `require` for Node's own modules.
  banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
})
