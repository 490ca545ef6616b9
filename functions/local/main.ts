import { styleText } from 'node:util'
import * as z from 'zod'
import { jsonLog, type Log } from '../kernel/log.ts'
import { clientSecret, partners, password, programme } from './demo.ts'
import { type Sandbox, startSandbox } from './sandbox.ts'

const Environment = z.object({
  PORT: z.coerce.number().int().min(1).max(65_535).default(8787),
  /** A folder that keeps the data; in memory without it. */
  TESSERA_DATA: z.string().optional(),
  TESSERA_ENGINE: z.enum(['dynoxide', 'dynamodb-local']).optional(),
  DYNAMODB_ENDPOINT: z.url().optional(),
  /** `debug` prints every request. */
  TESSERA_LOG: z.enum(['quiet', 'debug']).default('quiet'),
})

const help = `npm start: Tessera with everything around it, on this machine only.

  PORT=8787              port of the gateway; its issuer follows
  TESSERA_DATA=<folder>  keeps the data between starts (in memory without it)
  TESSERA_ENGINE=        dynoxide or dynamodb-local; the first that works without it
  DYNAMODB_ENDPOINT=     a DynamoDB engine that runs already
  TESSERA_LOG=debug      prints every request
`

/** Only what went wrong, unless asked: a person reads this terminal. */
function logFor(level: 'quiet' | 'debug'): Log {
  const write = jsonLog(line => process.stderr.write(`${line}\n`))
  return (severity, event, fields) => {
    if (level === 'debug' || severity !== 'info') write(severity, event, fields)
  }
}

function welcome({ issuer, identityIssuer, partnerIssuers, engine }: Sandbox, seconds: string): string {
  const bold = (text: string) => styleText('bold', text)
  const row = (what: string, where: string) => `  ${what.padEnd(26)} ${where}`
  const [first] = partners
  return `
${bold(`Tessera is ready after ${seconds} s`)} (DynamoDB engine: ${engine})

${row('member portal', `${issuer}/`)}
${row('finance pages', `${issuer}/finance`)}
${row('identity provider', identityIssuer)}
${partners.map(({ id, category }) => row(`${id} (${category})`, partnerIssuers[id] ?? '')).join('\n')}
${row('OpenAPI document', `${issuer}/openapi.json`)}

${bold('Sign in')} as lin or wang (they hold ${programme.id}), operator, finance, or anybody else; password ${password}

${bold('Call it')}
  TOKEN=$(curl -s -u ${first?.id}:${clientSecret(first?.id ?? '')} -d grant_type=client_credentials ${issuer}/oauth/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s -H "Authorization: Bearer $TOKEN" '${issuer}/v1/statements'

${bold('Whole story from outside')}: npm run story      ${bold('Stop')}: Ctrl+C
`
}

async function main(): Promise<void> {
  if (process.argv.includes('--help') || process.argv.includes('-h')) return void process.stdout.write(help)
  const environment = Environment.parse(process.env)
  const started = performance.now()
  const sandbox = await startSandbox({
    port: environment.PORT,
    dataFolder: environment.TESSERA_DATA,
    engine: {
      ...(environment.DYNAMODB_ENDPOINT && { endpoint: environment.DYNAMODB_ENDPOINT }),
      ...(environment.TESSERA_ENGINE && { choice: environment.TESSERA_ENGINE }),
    },
    log: logFor(environment.TESSERA_LOG),
    progress: line => process.stdout.write(`  ${line}\n`),
  })
  process.stdout.write(welcome(sandbox, ((performance.now() - started) / 1000).toFixed(1)))
  const stop = once(async () => {
    await sandbox.stop()
    process.exit(0)
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop())
  stopWithParent(() => void stop())
}

/** A second Ctrl+C must not stop what is being stopped. */
function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | undefined
  return () => {
    begun ??= work()
    return begun
  }
}

/** `npm` passes a signal to its shell, and a shell that dies tells nobody: without this the ports would stay taken. */
function stopWithParent(stop: () => void): void {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) stop()
  }, 100).unref()
}

main().catch((error: unknown) => {
  const told =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error)
  process.stderr.write(`${told}\n`)
  process.exit(1)
})
