import { parseArgs } from 'node:util'
import { createTestIssuer, type TestIssuerOptions } from './issuer.ts'

/** Something the person at the terminal can put right. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export type Wish = 'help' | 'table' | 'one' | 'all' | 'jwks' | 'serve'

export interface MintSettings {
  readonly wish: Wish
  /** The token asked for, where one is. */
  readonly name: string
  readonly json: boolean
  /** 0 takes a free one. */
  readonly port: number
  readonly issuer: TestIssuerOptions & { readonly audience: string; readonly benefit: string }
}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  jwks: { type: 'boolean' },
  serve: { type: 'boolean' },
  port: { type: 'string' },
  issuer: { type: 'string' },
  partner: { type: 'string' },
  audience: { type: 'string' },
  benefit: { type: 'string' },
  ttl: { type: 'string' },
} as const
const DEFAULT_PORT = 8790
const SLUG = /^[a-z0-9]+(?:-[a-z0-9]+)*$/

/**
 * What the command line asks for.
 * @throws UsageError
 */
export function readSettings(args: readonly string[]): MintSettings {
  const { values, positionals } = parsed(args)
  const [name = '', ...more] = positionals
  if (more.length > 0) throw new UsageError(`One token at a time, please: ${positionals.join(', ')} are several`)
  const wishes: readonly (readonly [Wish, boolean])[] = [
    ['one', name !== ''],
    ['all', values.all === true],
    ['jwks', values.jwks === true],
    ['serve', values.serve === true],
  ]
  const wished = wishes.filter(([, is]) => is).map(([wish]) => wish)
  if (wished.length > 1) throw new UsageError('A name, --all, --jwks and --serve exclude one another')
  const { json = false } = values
  const partner = partnerOf(values.partner, values.audience)
  const port = portOf(values.port)
  const issuer = {
    ...issuerOf(values.issuer, port),
    audience: partner,
    benefit: slug('benefit', values.benefit ?? `${partner}-vip`),
    ttlSeconds: ttlOf(values.ttl),
    keys: 'published',
  } as const
  const wish = values.help === true ? 'help' : (wished[0] ?? 'table')
  return { wish, name, json, port: port ?? servedPort(values.issuer), issuer }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  } catch (error) {
    // Node adds advice of its own behind the first sentence.
    const [why = ''] = String(error instanceof Error ? error.message : error).split('. ')
    throw new UsageError(why, { cause: error })
  }
}

function partnerOf(partner: string | undefined, audience: string | undefined): string {
  if (partner !== undefined && audience !== undefined && partner !== audience) {
    throw new UsageError('--partner and --audience are two names of one thing; they differ')
  }
  return slug('partner', partner ?? audience ?? 'youku')
}

function slug(option: string, value: string): string {
  if (!SLUG.test(value))
    throw new UsageError(`--${option} is lower-case letters, digits and single hyphens: not "${value}"`)
  return value
}

function portOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  const port = /^[0-9]{1,5}$/.test(value) ? Number(value) : Number.NaN
  if (!(port <= 65_535)) throw new UsageError(`--port is a whole number from 0 to 65535: not "${value}"`)
  return port
}

function ttlOf(value = '900'): number {
  const seconds = /^[0-9]{1,4}$/.test(value) ? Number(value) : Number.NaN
  if (!(seconds >= 60 && seconds <= 3600)) {
    throw new UsageError(`--ttl is a whole number of seconds from 60 to 3600, as at the gateway: not "${value}"`)
  }
  return seconds
}

/** Without a fixed address, the issuer is where it listens. */
function issuerOf(issuer: string | undefined, port: number | undefined): { issuer?: string } {
  if (issuer === undefined) return port === 0 ? {} : { issuer: `http://localhost:${port ?? DEFAULT_PORT}` }
  const loopback = URL.canParse(issuer) && isAllowed(issuer)
  if (!loopback) {
    throw new UsageError(
      `--issuer is an http address on localhost, 127.0.0.1 or [::1], such as http://localhost:9000: not "${issuer}".\n` +
        'These tokens are signed with keys that everybody has, so no other issuer may be imitated.',
    )
  }
  if (port !== undefined && port !== servedPort(issuer))
    throw new UsageError('--port and --issuer name different ports')
  return { issuer }
}

function isAllowed(issuer: string): boolean {
  try {
    createTestIssuer({ issuer, keys: 'published' })
    return true
  } catch {
    return false
  }
}

const servedPort = (issuer: string | undefined): number =>
  issuer === undefined ? DEFAULT_PORT : Number(new URL(issuer).port || 80)
