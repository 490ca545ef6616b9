import { readFile, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Bound, boundedNumber } from '../bounds.ts'
import { issuerBase } from '../issuer-url.ts'
import type { SplitLimits } from './split.ts'
import { WrongUsage } from './wrong-usage.ts'

/** Whose gateway the events go to, and in whose name. */
export interface SendTarget {
  readonly issuer: string
  readonly client: string
  /** The partner's id: `aud` of its receipts. */
  readonly audience: string
}

export interface SendSettings {
  readonly wish: 'send' | 'dry-run' | 'help' | 'version'
  /** `-` is standard input. */
  readonly file: string
  readonly limits: SplitLimits
  readonly concurrency: number
  readonly attempts: number
  readonly timeoutMilliseconds: number
  /** Absent for standard input unless one is named: what cannot be read twice needs none. */
  readonly statePath: string | undefined
  /** What the names of the files beside begin with. */
  readonly beside: string
  readonly restart: boolean
  readonly gzip: boolean
  readonly json: boolean
  readonly quiet: boolean
  readonly given: GivenTarget
}

interface GivenTarget {
  readonly issuer: string | undefined
  readonly client: string | undefined
  readonly audience: string | undefined
  readonly secretFile: string | undefined
}

const OPTIONS = {
  issuer: { type: 'string' },
  client: { type: 'string' },
  audience: { type: 'string' },
  'secret-file': { type: 'string' },
  'max-events': { type: 'string' },
  'max-bytes': { type: 'string' },
  concurrency: { type: 'string' },
  attempts: { type: 'string' },
  timeout: { type: 'string' },
  state: { type: 'string' },
  restart: { type: 'boolean' },
  gzip: { type: 'boolean' },
  'no-gzip': { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const

/** The gateway takes at most 10,000 lines and 5,000,000 bytes. */
const NUMBERS = {
  'max-events': { least: 1, most: 10_000, standard: 10_000 },
  'max-bytes': { least: 1_000, most: 5_000_000, standard: 4_500_000 },
  concurrency: { least: 1, most: 8, standard: 1 },
  attempts: { least: 1, most: 100, standard: 8 },
  timeout: { least: 1, most: 600, standard: 60 },
} as const satisfies Record<string, Bound>
const STATE_SUFFIX = '.tessera'
const MAX_SECRET_BYTES = 4_096

/**
 * What the command line asks for.
 * @throws WrongUsage
 */
export function readSettings(args: readonly string[]): SendSettings {
  const { values, positionals } = parsed(args)
  const number = (name: keyof typeof NUMBERS) => wholeNumber(name, values[name])
  const [command, file = '', ...more] = positionals
  const wish = values.help ? 'help' : values.version ? 'version' : wishOf(command, values['dry-run'] === true)
  const isWork = wish === 'send' || wish === 'dry-run'
  if (isWork && file === '') throw new WrongUsage('Which FILE? Name a file of events, or - for standard input')
  if (more.length > 0) throw new WrongUsage(`One file at a time, please: ${[file, ...more].join(', ')} are several`)
  if (values.gzip && values['no-gzip']) throw new WrongUsage('--gzip and --no-gzip exclude one another')
  const statePath = values.state ?? (file === '-' ? undefined : `${file}${STATE_SUFFIX}`)
  return {
    wish,
    file,
    limits: { maxEvents: number('max-events'), maxBytes: number('max-bytes') },
    concurrency: number('concurrency'),
    attempts: number('attempts'),
    timeoutMilliseconds: number('timeout') * 1000,
    statePath,
    beside: besideOf(file, values.state),
    restart: values.restart === true,
    gzip: values['no-gzip'] !== true,
    json: values.json === true,
    quiet: values.quiet === true,
    given: {
      issuer: values.issuer,
      client: values.client,
      audience: values.audience,
      secretFile: values['secret-file'],
    },
  }
}

function parsed(args: readonly string[]) {
  if (args.some(arg => /^--(client-)?(secret|password)(=|$)/.test(arg))) {
    throw new WrongUsage(
      'A secret on the command line can be read by everybody on this machine: put it into TESSERA_CLIENT_SECRET, or ' +
        'into a file and name that with --secret-file',
    )
  }
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    // Node adds advice of its own behind the first sentence.
    const [why = ''] = String(error instanceof Error ? error.message : error).split('. ')
    throw new WrongUsage(why, { cause: error })
  }
}

function wishOf(command: string | undefined, isDry: boolean): SendSettings['wish'] {
  if (command === undefined || command === 'help') return 'help'
  if (command !== 'send') throw new WrongUsage(`There is no command "${command}"; there is "send"`)
  return isDry ? 'dry-run' : 'send'
}

function wholeNumber(name: keyof typeof NUMBERS, text: string | undefined): number {
  try {
    return boundedNumber(`--${name}`, text && (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN), NUMBERS[name])
  } catch (error) {
    throw new WrongUsage(`${(error as Error).message}: not "${text}"`, { cause: error })
  }
}

function besideOf(file: string, state: string | undefined): string {
  if (state === undefined) return file === '-' ? 'stdin' : file
  return state.endsWith(STATE_SUFFIX) ? state.slice(0, -STATE_SUFFIX.length) : state
}

export type Environment = Readonly<Record<string, string | undefined>>

/** @throws WrongUsage that names what is missing */
export function targetOf({ given }: SendSettings, env: Environment): SendTarget {
  const issuer = given.issuer ?? env['TESSERA_ISSUER'] ?? ''
  const client = given.client ?? env['TESSERA_CLIENT'] ?? ''
  if (issuer === '') throw new WrongUsage('Which gateway? Give --issuer https://…, or set TESSERA_ISSUER')
  if (client === '') throw new WrongUsage('Which client? Give --client with your client id, or set TESSERA_CLIENT')
  try {
    issuerBase(issuer)
  } catch (error) {
    throw new WrongUsage(`--issuer: ${(error as Error).message}`, { cause: error })
  }
  return { issuer, client, audience: given.audience ?? client }
}

/** The client's secret, from a file or the environment and from nowhere else. @throws WrongUsage */
export async function secretOf({ given: { secretFile } }: SendSettings, env: Environment): Promise<string> {
  if (secretFile !== undefined) return secretIn(secretFile)
  const secret = env['TESSERA_CLIENT_SECRET'] ?? ''
  if (secret !== '') return secret
  throw new WrongUsage('The client secret is missing: set TESSERA_CLIENT_SECRET, or name a file with --secret-file')
}

async function secretIn(path: string): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile() && !found.isFIFO()) throw new WrongUsage(`--secret-file ${path} is no file`)
    if (found.size > MAX_SECRET_BYTES) throw new WrongUsage(`--secret-file ${path} is too long for a secret`)
    const secret = (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
    if (secret === '') throw new WrongUsage(`--secret-file ${path} is empty`)
    return secret
  } catch (error) {
    if (error instanceof WrongUsage) throw error
    throw new WrongUsage(`--secret-file ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}
