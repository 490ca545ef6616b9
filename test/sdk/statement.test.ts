import { beforeAll, describe, expect, test } from 'vitest'
import { canonicalJson, hashOf } from '../../functions/kernel/canonical.ts'
import { findStatementToken } from '../../functions/settlement/statements.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { canonicalJson as canonicalJsonOfKit } from '../../sdk/canonical-json.ts'
import { TokenRefused, verifyStatement } from '../../sdk/index.ts'
import { close, newWorld, november, october, reportNovember, reportOctober, statementsOf } from '../settlement/world.ts'
import { HEADER, jwks, mint, NOW } from './issuer.ts'

const issuer = 'https://tessera.example'
const typ = 'settlement-statement+jwt'

/** A gateway's statements and keys: what it signs, the kit verifies. */
let world: Awaited<ReturnType<typeof newWorld>>
let first: Statement
let second: Statement
let real: { issuer: string; audience: string; token: string; now: () => number; fetch: typeof fetch }

beforeAll(async () => {
  world = await newWorld()
  await reportOctober(world)
  await reportNovember(world)
  world.moveTo('2026-12-01T00:00:00Z')
  for (const period of [october, november]) await close(world, period)
  const ofPair = async (period: typeof october) => {
    const found = (await statementsOf(world.table, period)).find(({ creditor }) => creditor === 'youku')
    if (!found) throw new Error('no statement')
    return found
  }
  first = await ofPair(october)
  second = await ofPair(november)
  const keys = { keys: await world.keys.publicKeysFor('statement') }
  real = {
    issuer,
    audience: 'youku',
    token: await findStatementToken(world, { caller: { brand: 'youku' }, id: second.id }),
    now: () => Date.parse('2026-12-02T00:00:00Z') / 1000,
    fetch: async () => new Response(JSON.stringify(keys), { headers: { 'content-type': 'application/jwk-set+json' } }),
  }
})

async function codeOf(verification: Promise<unknown>): Promise<string> {
  try {
    await verification
    return 'accepted'
  } catch (error) {
    if (error instanceof TokenRefused) return error.code
    throw error
  }
}

test('what the gateway publishes and signs verifies, as text and as an object, with the statement before', async () => {
  for (const statement of [JSON.stringify(second), second, JSON.parse(canonicalJson(second))])
    expect(await verifyStatement({ ...real, statement, former: first })).toEqual(second)
  expect(await codeOf(verifyStatement({ ...real, audience: 'alibaba', statement: second }))).toBe('accepted')
})

test.each([
  ['another statement', () => first],
  ['another amount', () => ({ ...second, totalMinor: second.totalMinor - 1 })],
  ['another amount and the hash of it', () => rehashed({ ...second, totalMinor: second.totalMinor - 1 })],
  ['a member more', () => ({ ...second, note: 'paid' })],
  ['another order of lines', () => ({ ...second, lines: second.lines.toReversed() })],
  ['another hash', () => ({ ...second, hash: first.hash })],
])('%s is not what was signed', async (_, statement) => {
  expect(await codeOf(verifyStatement({ ...real, statement: statement() }))).toBe('statement-hash-mismatch')
})

const rehashed = ({ hash: _, ...unhashed }: Statement) => ({ ...unhashed, hash: hashOf(unhashed) })

test.each([
  ['', 'null', '[]', '{}', '{"id":1}', 'x'],
  [null, undefined, 7, [], {}],
])('what is no statement is refused: %j', async (...all) => {
  for (const statement of all) expect(await codeOf(verifyStatement({ ...real, statement }))).toBe('statement-invalid')
})

test.each([
  ['lines', 7],
  ['lines', [{ id: 'a' }]],
  ['lines', [{ id: 'a', amountMinor: 0.5 }]],
  ['taxMinor', '6'],
  ['taxMinor', 2 ** 53],
  ['hash', 'x'],
  ['debtor', '\ud800'],
  ['note', Number.NaN],
])('a statement with %s %j is none', async (name, value) => {
  expect(await codeOf(verifyStatement({ ...real, statement: { ...second, [name]: value } }))).toBe('statement-invalid')
})

test('a name that is told twice is refused', async () => {
  const statement = JSON.stringify(second).replace('{', '{"totalMinor":0,')
  expect(await codeOf(verifyStatement({ ...real, statement }))).toBe('statement-invalid')
})

test('the token is judged as every other token', async () => {
  const of = (change: object) => codeOf(verifyStatement({ ...real, statement: second, ...change }))
  expect(await of({ audience: 'eleme' })).toBe('audience-mismatch')
  expect(await of({ issuer: 'https://other.example' })).toBe('issuer-mismatch')
  expect(await of({ token: real.token.slice(0, -4) })).toMatch(/^(signature|base64url)-/)
  await expect(verifyStatement({ ...real, statement: second, audience: '' })).rejects.toThrow(TypeError)
})

describe('a chain', () => {
  test.each(['programme', 'debtor', 'creditor', 'currency', 'hash'] as const)(
    'with another %s is broken',
    async name => {
      const former = { ...first, [name]: name === 'hash' ? '0'.repeat(64) : 'other' }
      expect(await codeOf(verifyStatement({ ...real, statement: second, former }))).toBe('statement-chain-broken')
    },
  )
})

describe('what a gateway signed that is wrong in itself', () => {
  const signed = (change: object, claims: object = {}) => {
    const statement = rehashed({ ...second, ...change } as Statement)
    const { id: sub, hash, programme, period, debtor, creditor } = statement
    const said = { iss: issuer, aud: [debtor, creditor], iat: NOW, sub, hash, programme, period, ...claims }
    const fetch = async () => new Response(jwks(), { headers: { 'content-type': 'application/jwk-set+json' } })
    const token = mint(said, { ...HEADER, typ })
    return codeOf(verifyStatement({ ...real, now: () => NOW, fetch, statement, token }))
  }

  test('is refused by what is wrong', async () => {
    expect(await signed({})).toBe('accepted')
    expect(await signed({ subtotalMinor: second.subtotalMinor + 1, totalMinor: second.totalMinor + 1 })).toBe(
      'statement-sums-wrong',
    )
    expect(await signed({ totalMinor: second.totalMinor + 1 })).toBe('statement-sums-wrong')
    for (const claims of [
      { sub: first.id },
      { period: '2026-09' },
      { programme: 'other' },
      { aud: ['youku', 'eleme'] },
      { aud: ['youku'] },
      { aud: 'youku' },
    ])
      expect(await signed({}, claims), JSON.stringify(claims)).toBe('statement-parties-mismatch')
    expect(await signed({ creditor: 'eleme' }, { aud: ['alibaba', 'youku'] })).toBe('statement-parties-mismatch')
  })
})

test('canonical JSON is that of RFC 8785', () => {
  const values = [
    second,
    { b: 1, a: [true, null, 'é\u2028"\\', 1e21, -0, 0.1], '\ufb33': 1, '\u{1f600}': 2, 10: 1, 9: 2 },
  ]
  for (const value of values) expect(canonicalJsonOfKit(value as never)).toBe(canonicalJson(value))
})
