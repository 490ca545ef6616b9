import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createSignatureVerifier,
  createVerifier,
  ENTITLEMENT_TOKEN_TYP,
  type LastingTyp,
  SECURITY_EVENT_TYP,
  SETTLEMENT_STATEMENT_TYP,
  USAGE_RECEIPT_TYP,
} from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, HEADER, type LoopbackServer, mint, NOW, serveJwks, strangerPair } from './issuer.ts'

let server: LoopbackServer
beforeAll(async () => {
  server = await serveJwks()
})
afterAll(() => server[Symbol.asyncDispose]())

const receipt = () => ({ iss: server.url, aud: AUDIENCE, iat: NOW, sequence: 3, lines: 2, digest: 'sha-256=:…:' })
const signed = (change: object = {}, typ = USAGE_RECEIPT_TYP) => mint({ ...receipt(), ...change }, { ...HEADER, typ })
const verifierOf = (typ: LastingTyp, more: { audience?: string; maxTokenBytes?: number } = {}) =>
  createSignatureVerifier({ issuer: server.url, typ, now: () => NOW, ...more })

test('a receipt gives its claims, also long after it was made', async () => {
  expect(await verifierOf(USAGE_RECEIPT_TYP, { audience: AUDIENCE }).verify(signed())).toEqual(receipt())
  expect(await verifierOf(USAGE_RECEIPT_TYP).verify(signed({ iat: 1 }))).toMatchObject({ sequence: 3 })
})

const LASTING = [USAGE_RECEIPT_TYP, SETTLEMENT_STATEMENT_TYP, SECURITY_EVENT_TYP] as const
const OTHERS = [ENTITLEMENT_TOKEN_TYP, 'at+jwt', 'statuslist+jwt'] as const

test('no type passes for another', async () => {
  const entitlements = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => NOW })
  for (const typ of [...LASTING, ...OTHERS]) {
    const token = mint(claims(server.url), { ...HEADER, typ })
    for (const wanted of LASTING) {
      const code = await codeOf(verifierOf(wanted).verify(token))
      expect(code, `${typ} as ${wanted}`).toBe(typ === wanted ? 'accepted' : 'typ-wrong')
    }
    const code = await codeOf(entitlements.verify(token))
    expect(code, `${typ} as a token`).toBe(typ === ENTITLEMENT_TOKEN_TYP ? 'accepted' : 'typ-wrong')
  }
})

test.each([...OTHERS, 'JWT', 'usage-receipt+JWT', '', undefined])(
  'a type that needs an expiry, or that nobody knows, is refused at set-up: %j',
  typ => {
    expect(() => verifierOf(typ as LastingTyp)).toThrow(TypeError)
  },
)

test.each([
  ['issuer-mismatch', { iss: 'https://attacker.example' }],
  ['issuer-mismatch', { iss: undefined }],
  ['audience-mismatch', { aud: 'eleme' }],
  ['audience-not-single', { aud: undefined }],
  ['audience-not-single', { aud: [AUDIENCE] }],
  ['issued-in-future', { iat: NOW + 61 }],
  ['token-expired', { exp: NOW }],
  ['token-not-yet-valid', { nbf: NOW + 61 }],
  ['claim-iat-invalid', { iat: '1' }],
])('%s: %j', async (code, change) => {
  expect(await codeOf(verifierOf(USAGE_RECEIPT_TYP, { audience: AUDIENCE }).verify(signed(change)))).toBe(code)
})

test('a stranger signs nothing', async () => {
  const forged = mint(receipt(), { ...HEADER, typ: USAGE_RECEIPT_TYP }, strangerPair.privateKey)
  expect(await codeOf(verifierOf(USAGE_RECEIPT_TYP).verify(forged))).toBe('signature-invalid')
})

test('the size cap can be raised for long statements', async () => {
  const long = signed({ lines: 'x'.repeat(8192) }, SETTLEMENT_STATEMENT_TYP)
  expect(await codeOf(verifierOf(SETTLEMENT_STATEMENT_TYP).verify(long))).toBe('token-too-large')
  expect(await codeOf(verifierOf(SETTLEMENT_STATEMENT_TYP, { maxTokenBytes: 65_536 }).verify(long))).toBe('accepted')
})

test('an empty audience and a size cap that bounds nothing are refused at set-up', () => {
  expect(() => verifierOf(USAGE_RECEIPT_TYP, { maxTokenBytes: Number.NaN })).toThrow(/^maxTokenBytes must be/)
  expect(() => verifierOf(USAGE_RECEIPT_TYP, { audience: '' })).toThrow(TypeError)
})

test('a statement is for debtor and creditor: either may verify it, nobody else', async () => {
  const statement = signed({ aud: ['alibaba', AUDIENCE] }, SETTLEMENT_STATEMENT_TYP)
  const as = (audience: string) => codeOf(verifierOf(SETTLEMENT_STATEMENT_TYP, { audience }).verify(statement))
  expect(await as(AUDIENCE)).toBe('accepted')
  expect(await as('alibaba')).toBe('accepted')
  expect(await as('eleme')).toBe('audience-mismatch')
})

test('a security event may name several receivers, and must say when it was issued', async () => {
  const event = (change: object) => signed({ jti: 'evt_1', events: {}, ...change }, SECURITY_EVENT_TYP)
  const code = (token: string) => codeOf(verifierOf(SECURITY_EVENT_TYP, { audience: AUDIENCE }).verify(token))
  expect(await code(event({}))).toBe('accepted')
  expect(await code(event({ aud: ['eleme', AUDIENCE] }))).toBe('accepted')
  expect(await code(event({ aud: [AUDIENCE] }))).toBe('accepted')
  expect(await code(event({ aud: ['eleme'] }))).toBe('audience-mismatch')
  expect(await code(event({ aud: [] }))).toBe('audience-mismatch')
  expect(await code(event({ aud: [[AUDIENCE]] }))).toBe('audience-mismatch')
  expect(await code(event({ aud: undefined }))).toBe('audience-not-single')
  expect(await code(event({ iat: undefined }))).toBe('claim-iat-invalid')
})
