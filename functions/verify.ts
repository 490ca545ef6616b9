import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { Period } from '../schemas/primitives.ts'
import { systemNow } from './kernel/clock.ts'
import { Refusal } from './kernel/refusal.ts'
import { dynamoDbClient, openTable, type Table } from './kernel/table.ts'
import { allProgrammes, type ProgrammeFrame } from './programmes/find-programme.ts'
import { periodsToVerify, type Verification, verifyPeriod } from './settlement/verify.ts'
import { trustedKeys } from './tokens/trusted-keys.ts'

const help = `npm run verify -- 2026-10 [--programme 88vip]
npm run verify -- --all  [--programme 88vip]

Computes closed periods again, from what partners reported and the contracts as they were frozen, and compares every
stored item with the result, byte for byte: usage chains, final dispositions, statements, signatures, ledger blocks,
confirmed payments and balances. It only reads.

  --programme  one programme; without it, every programme of the table
  --all        every closed period

  Exit code 0: all is as it was closed. 1: something differs, and is named. 2: nothing was verified.

  TABLE_NAME=… (output TableName of the stack), AWS_REGION=…, with AWS credentials that may read the table
  DYNAMODB_ENDPOINT=…        a local engine that runs, such as that of npm start, which prints its address
  TESSERA_DATA=<folder>      the data of an npm start that was stopped
`
const Environment = z.object({
  TABLE_NAME: z.string().min(3).optional(),
  AWS_REGION: z.string().default('us-east-1'),
  DYNAMODB_ENDPOINT: z.url().optional(),
  TESSERA_DATA: z.string().min(1).optional(),
})
type Environment = z.infer<typeof Environment>

/** What the caller has to do otherwise. */
class Misuse extends Error {}

type Asked = { period: Period | undefined; programme: string | undefined }

function asked(): Asked | undefined {
  const options = {
    programme: { type: 'string' },
    all: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return undefined
  const [text, ...more] = positionals
  if (more.length > 0) throw new Misuse(`one period at a time, or --all: ${positionals.join(' ')}`)
  if ((text === undefined) === !values.all)
    throw new Misuse('name a period, such as 2026-10, or --all; --help tells more')
  const period = text === undefined ? undefined : Period.safeParse(text).data
  if (text !== undefined && period === undefined) throw new Misuse(`${text} is no period: periods look like 2026-10`)
  return { period, programme: values.programme }
}

/** As `npm start` names it. */
const localTable = 'tessera'

async function open({ TABLE_NAME, AWS_REGION, DYNAMODB_ENDPOINT, TESSERA_DATA }: Environment): Promise<{
  table: Table
  close: () => Promise<void>
}> {
  // Local engines take any credentials, and the table of `npm start` has a name of its own.
  const local = { region: AWS_REGION, credentials: { accessKeyId: 'tessera', secretAccessKey: 'tessera' } }
  if (TESSERA_DATA !== undefined && DYNAMODB_ENDPOINT === undefined) {
    if (!existsSync(join(TESSERA_DATA, 'format')))
      throw new Misuse(`TESSERA_DATA: ${TESSERA_DATA} holds no data of npm start`)
    // Only on a machine that has such a folder: what is deployed never loads it.
    const { startEngine } = await import('./local/engine.ts')
    const engine = await startEngine({ dataFolder: TESSERA_DATA, log: tell })
    const client = dynamoDbClient({ ...local, endpoint: engine.endpoint })
    return { table: openTable(client, TABLE_NAME ?? localTable), close: () => engine.stop() }
  }
  const tableName = TABLE_NAME ?? (DYNAMODB_ENDPOINT === undefined ? undefined : localTable)
  if (tableName === undefined)
    throw new Misuse(
      'set TABLE_NAME to the table of the deployment, or TESSERA_DATA to the folder of a stopped npm start',
    )
  const client = dynamoDbClient(
    DYNAMODB_ENDPOINT === undefined ? { region: AWS_REGION } : { ...local, endpoint: DYNAMODB_ENDPOINT },
  )
  return { table: openTable(client, tableName), close: async () => client.destroy() }
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`)

async function verifyAll(table: Table, { period, programme }: Asked): Promise<Verification[]> {
  const programmes = (await allProgrammes({ table })).filter(({ id }) => programme === undefined || id === programme)
  if (programmes.length === 0)
    throw new Misuse(programme === undefined ? 'the table holds no programme' : `there is no programme ${programme}`)
  const keys = { publicKeysFor: (purpose: Parameters<typeof trustedKeys>[1]) => trustedKeys({ table }, purpose) }
  const verifications: Verification[] = []
  for (const frame of programmes)
    for (const each of await periodsOf(table, frame, period)) {
      const place = `${frame.id} ${each}`
      tell(`${place}: reading`)
      const progress = (line: string) => tell(`${place}: ${line}`)
      try {
        verifications.push(await verifyPeriod({ table, keys, progress }, { programme: frame.id, period: each }))
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        tell(`${place}: not closed, nothing to verify`)
      }
    }
  return verifications
}

const periodsOf = async (table: Table, frame: ProgrammeFrame, period: Period | undefined): Promise<Period[]> =>
  period === undefined ? periodsToVerify({ table }, frame, systemNow()) : [period]

function report(verifications: Verification[]): void {
  const counted = ['batches', 'lines', 'finals', 'statements', 'transfers', 'blocks', 'signatures'] as const
  const rows = [
    ['programme', 'period', ...counted, 'differences'],
    ...verifications.map(({ programme, period, checked, differences }) => [
      programme,
      period,
      ...counted.map(name => String(checked[name])),
      String(differences.length),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length))) ?? []
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  process.stdout.write(`${rows.map(line).join('\n')}\n`)
  for (const { programme, period, differences } of verifications)
    for (const difference of differences) process.stdout.write(`differs: ${programme} ${period}: ${difference}\n`)
}

async function main(): Promise<number> {
  const wanted = asked()
  if (!wanted) {
    process.stdout.write(help)
    return 0
  }
  const { table, close } = await open(Environment.parse(process.env))
  try {
    const verifications = await verifyAll(table, wanted)
    if (verifications.length === 0)
      throw new Misuse(
        `${wanted.period ?? 'no period'} is ${wanted.period ? 'not closed' : 'closed'}: nothing was verified`,
      )
    report(verifications)
    return verifications.some(({ differences }) => differences.length > 0) ? 1 : 0
  } finally {
    await close()
  }
}

main().then(
  code => {
    process.exitCode = code
  },
  (error: unknown) => {
    const told =
      error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error)
    tell(told)
    process.exitCode = 2
  },
)
