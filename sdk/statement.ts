import { createHash } from 'node:crypto'
import { canonicalJson } from './canonical-json.ts'
import { createSignatureVerifier, SETTLEMENT_STATEMENT_TYP, type SignatureVerifierOptions } from './receipt.ts'
import { TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson, StrictJsonError } from './strict-json.ts'

/** A line of a statement, in minor units of the statement's currency. */
export interface SettlementLine extends JsonObject {
  readonly id: string
  readonly amountMinor: number
}

/** What one brand owes another for a programme's period. Amounts are minor units; credits are negative. */
export interface SettlementStatement extends JsonObject {
  readonly id: string
  readonly programme: string
  readonly period: string
  readonly debtor: string
  readonly creditor: string
  readonly currency: string
  /** Carried from the statement before. */
  readonly openingMinor: number
  readonly lines: SettlementLine[]
  readonly subtotalMinor: number
  readonly taxMinor: number
  readonly totalMinor: number
  readonly previousHash: string
  readonly hash: string
}

export interface StatementVerification extends Omit<SignatureVerifierOptions, 'typ'> {
  /** Your brand: the token must be for it, and the statement must have it as debtor or creditor. */
  readonly audience: string
  /** The statement as `GET /v1/statements/{id}` answers it: the text, or what `JSON.parse` makes of it. */
  readonly statement: unknown
  /** Its signature: `GET /v1/statements/{id}.jwt`. */
  readonly token: string
  /** The verified statement before it between the same two in the same currency: then `previousHash` must be its hash. */
  readonly former?: Pick<SettlementStatement, 'programme' | 'debtor' | 'creditor' | 'currency' | 'hash'> | undefined
}

/** Of many lines; far more than any statement has. */
const MAX_STATEMENT_BYTES = 64 * 1024 * 1024
const MAX_DEPTH = 8
const HASH = /^[0-9a-f]{64}$/
const TEXTS = ['id', 'programme', 'period', 'debtor', 'creditor', 'currency'] as const
const AMOUNTS = ['openingMinor', 'subtotalMinor', 'taxMinor', 'totalMinor'] as const

/**
 * Verifies a settlement statement: the gateway's signature over its hash, that the statement hashes to it (SHA-256 of
 * its canonical JSON, RFC 8785, without `hash`), that signature and statement name the same document and parties, that
 * the sums add up, and, given the statement before, that the two are chained.
 * @throws TokenRefused with a stable `code`; of the statement itself one that begins with `statement-`
 */
export async function verifyStatement(options: StatementVerification): Promise<SettlementStatement> {
  const { statement: given, token, former, ...rest } = options
  const { audience } = rest
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a non-empty string')
  const claims = await createSignatureVerifier({ ...rest, typ: SETTLEMENT_STATEMENT_TYP }).verify(token)
  const statement = readStatement(given)
  judgeHash(statement, claims)
  judgeParties(statement, claims, audience)
  judgeSums(statement)
  if (former !== undefined) judgeChain(statement, former)
  return statement
}

function readStatement(given: unknown): SettlementStatement {
  const statement = typeof given === 'string' ? parsed(given) : given
  if (!isStatement(statement)) throw new TokenRefused('statement-invalid')
  return statement
}

function parsed(text: string): JsonValue {
  if (text.length > MAX_STATEMENT_BYTES) throw new TokenRefused('statement-invalid')
  try {
    return parseStrictJson(text, MAX_DEPTH)
  } catch (error) {
    if (error instanceof StrictJsonError) throw new TokenRefused('statement-invalid', { cause: error })
    throw error
  }
}

function isStatement(value: unknown): value is SettlementStatement {
  if (!isObject(value) || !isPlain(value, MAX_DEPTH)) return false
  const { lines } = value
  return (
    TEXTS.every(name => typeof value[name] === 'string') &&
    AMOUNTS.every(name => Number.isSafeInteger(value[name])) &&
    [value['hash'], value['previousHash']].every(hash => typeof hash === 'string' && HASH.test(hash)) &&
    Array.isArray(lines) &&
    lines.every(line => isObject(line) && typeof line['id'] === 'string' && Number.isSafeInteger(line['amountMinor']))
  )
}

const isObject = (value: unknown): value is JsonObject => isJsonObject(value as JsonValue)

/** What has one canonical form: no numbers that JSON does not have, no unpaired surrogates, no depth without end. */
function isPlain(value: unknown, depth: number): value is JsonValue {
  if (value === null || typeof value === 'boolean') return true
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth === 0) return false
  if (Array.isArray(value)) return value.every(item => isPlain(item, depth - 1))
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isPlain(member, depth - 1))
}

/** Before anything else the statement says is believed. */
function judgeHash(statement: SettlementStatement, { hash: signed }: JsonObject): void {
  const { hash, ...unhashed } = statement
  const computed = createHash('sha256').update(canonicalJson(unhashed)).digest('hex')
  if (computed !== hash || computed !== signed) throw new TokenRefused('statement-hash-mismatch')
}

function judgeParties(statement: SettlementStatement, claims: JsonObject, audience: string): void {
  const { id, programme, period, debtor, creditor } = statement
  const named = claims['sub'] === id && claims['programme'] === programme && claims['period'] === period
  const { aud } = claims
  const parties = Array.isArray(aud) && aud.length === 2 && [debtor, creditor].every(brand => aud.includes(brand))
  if (!named || !parties || ![debtor, creditor].includes(audience)) throw new TokenRefused('statement-parties-mismatch')
}

function judgeSums({ lines, openingMinor, subtotalMinor, taxMinor, totalMinor }: SettlementStatement): void {
  const subtotal = lines.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)
  const total = BigInt(openingMinor) + subtotal + BigInt(taxMinor)
  if (subtotal !== BigInt(subtotalMinor) || total !== BigInt(totalMinor)) throw new TokenRefused('statement-sums-wrong')
}

function judgeChain(statement: SettlementStatement, former: NonNullable<StatementVerification['former']>): void {
  const same = (['programme', 'debtor', 'creditor', 'currency'] as const).every(
    name => statement[name] === former[name],
  )
  if (!same || statement.previousHash !== former.hash) throw new TokenRefused('statement-chain-broken')
}
