import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { ClientRecord, Scope } from '../schemas/client.ts'
import { sha256 } from './kernel/canonical.ts'
import { Refusal } from './kernel/refusal.ts'
import { dynamoDbClient, openTable } from './kernel/table.ts'
import { saveClient } from './oauth/register-client.ts'

const help = `npm run client -- --id youku --brand youku --partner youku --scopes "entitlements:read usage:write"

Registers a machine client of a deployed gateway, or replaces it. Run it with AWS credentials that may write the table.

  --id        client id
  --brand     brand it acts for
  --partner   partner it acts for, where it is one
  --scopes    ${Scope.options.join(' ')}
  --jwks      file with the client's public keys: private_key_jwt, the documented way.
              Without it a secret is made and printed once (client_secret_basic).

  TABLE_NAME=… (output TableName of the stack), AWS_REGION=…
`
const Environment = z.object({
  TABLE_NAME: z.string().min(3),
  AWS_REGION: z.string().default('us-east-1'),
  DYNAMODB_ENDPOINT: z.url().optional(),
})

/** How an operator makes a machine client, for which the outside surface has no route. */
async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const options = {
    id: text,
    brand: text,
    partner: text,
    scopes: text,
    jwks: text,
    help: { type: 'boolean', short: 'h' },
  } as const
  const { values } = parseArgs({ options })
  if (values.help || !values.id) return void process.stdout.write(help)
  const { TABLE_NAME, AWS_REGION, DYNAMODB_ENDPOINT } = Environment.parse(process.env)
  const client = dynamoDbClient({ region: AWS_REGION, ...(DYNAMODB_ENDPOINT && { endpoint: DYNAMODB_ENDPOINT }) })
  const secret = values.jwks ? undefined : randomBytes(32).toString('base64url')
  const record = ClientRecord.parse({
    id: values.id,
    brand: values.brand,
    ...(values.partner && { partner: values.partner }),
    scopes: (values.scopes ?? '').split(/[\s,]+/).filter(Boolean),
    ...(values.jwks
      ? { authentication: 'private_key_jwt', jwks: JSON.parse(await readFile(values.jwks, 'utf8')) }
      : { authentication: 'client_secret_basic', secretHash: sha256(secret ?? '') }),
  })
  await saveClient({ table: openTable(client, TABLE_NAME) }, record)
  process.stdout.write(`registered ${record.id} for ${record.partner ?? record.brand}\n`)
  if (secret) process.stdout.write(`client secret, shown this once: ${secret}\n`)
}

main().catch((error: unknown) => {
  const faults = error instanceof Refusal ? (error.errors ?? []) : []
  const told =
    error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error)
  process.stderr.write(`${[told, ...faults.map(({ pointer, detail }) => `  ${pointer}: ${detail}`)].join('\n')}\n`)
  process.exitCode = 1
})
