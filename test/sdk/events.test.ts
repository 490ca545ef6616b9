import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEventVerifier, type EventVerifierOptions } from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, HEADER, type LoopbackServer, mint, NOW, serveJwks, strangerPair } from './issuer.ts'

let server: LoopbackServer
beforeAll(async () => {
  server = await serveJwks()
})
afterAll(() => server[Symbol.asyncDispose]())

const TYPE = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
const subjectId = { format: 'iss_sub', iss: 'https://tessera.example', sub: 'pairwise-7Qp' }
const event = () => ({
  iss: server.url,
  aud: AUDIENCE,
  iat: NOW - 86_400,
  jti: 'evt_01',
  sub_id: subjectId,
  events: { [TYPE]: { reason_admin: { en: 'membership refunded' } } },
})
const signed = (change: object = {}, key = strangerPair.privateKey) =>
  mint({ ...event(), ...change }, { ...HEADER, typ: 'secevent+jwt' }, key)
const genuine = (change: object = {}) => mint({ ...event(), ...change }, { ...HEADER, typ: 'secevent+jwt' })
const verifierOf = (more: Partial<EventVerifierOptions> = {}) =>
  createEventVerifier({ issuer: server.url, audience: AUDIENCE, now: () => NOW, ...more })

test('a genuine event says what happened to whom, however old it is', async () => {
  expect(await verifierOf().verify(genuine())).toEqual({
    tokenId: 'evt_01',
    issuedAt: NOW - 86_400,
    subjectId,
    events: { [TYPE]: { reason_admin: { en: 'membership refunded' } } },
  })
})

test('several events, among them one of a URN without payload', async () => {
  const events = { [TYPE]: {}, 'urn:tessera:event:link-ended': {} }
  expect((await verifierOf().verify(genuine({ events }))).events).toEqual(events)
})

test.each<[string, object]>([
  ['event-exp-present', { exp: NOW + 900 }],
  ['event-sub-present', { sub: 'pairwise-7Qp' }],
  ['claim-jti-invalid', { jti: undefined }],
  ['claim-jti-invalid', { jti: '' }],
  ['claim-jti-invalid', { jti: 7 }],
  ['claim-iat-invalid', { iat: undefined }],
  ['claim-iat-invalid', { iat: '1' }],
  ['issued-in-future', { iat: NOW + 61 }],
  ['event-subject-invalid', { sub_id: undefined }],
  ['event-subject-invalid', { sub_id: 'pairwise-7Qp' }],
  ['event-subject-invalid', { sub_id: { sub: 'pairwise-7Qp' } }],
  ['event-subject-invalid', { sub_id: { format: '' } }],
  ['event-subject-invalid', { sub_id: [{ format: 'opaque' }] }],
  ['event-events-invalid', { events: undefined }],
  ['event-events-invalid', { events: {} }],
  ['event-events-invalid', { events: [TYPE] }],
  ['event-events-invalid', { events: { [TYPE]: true } }],
  ['event-events-invalid', { events: { 'session-revoked': {} } }],
  ['event-events-invalid', { events: { [TYPE]: {}, 'not a uri:': {} } }],
  ['issuer-mismatch', { iss: 'https://attacker.example' }],
  ['audience-mismatch', { aud: 'eleme' }],
])('%s: %j', async (code, change) => {
  expect(await codeOf(verifierOf().verify(genuine(change)))).toBe(code)
})

test('what is no event, or not the issuer’s, is refused before it is read', async () => {
  expect(await codeOf(verifierOf().verify(mint(claims(server.url))))).toBe('typ-wrong')
  expect(await codeOf(verifierOf().verify(mint(event(), { ...HEADER, typ: 'logout+jwt' })))).toBe('typ-wrong')
  expect(await codeOf(verifierOf().verify(signed()))).toBe('signature-invalid')
})

test('the question whether an event was processed is asked last, and changes nothing', async () => {
  const processed = new Set<string>()
  const asked: string[] = []
  const verifier = verifierOf({
    seen: async tokenId => {
      asked.push(tokenId)
      return processed.has(tokenId)
    },
  })
  expect(await codeOf(verifier.verify(signed()))).toBe('signature-invalid')
  expect(await codeOf(verifier.verify(genuine({ exp: NOW + 1 })))).toBe('event-exp-present')
  expect(asked).toEqual([])
  expect(await codeOf(verifier.verify(genuine()))).toBe('accepted')
  // Its effect has failed, so the sender repeats it, and it is not lost.
  expect(await codeOf(verifier.verify(genuine()))).toBe('accepted')
  processed.add('evt_01')
  expect(await codeOf(verifier.verify(genuine()))).toBe('event-replayed')
  expect(await codeOf(verifier.verify(genuine({ jti: 'evt_02' })))).toBe('accepted')
  expect(asked).toEqual(['evt_01', 'evt_01', 'evt_01', 'evt_02'])
})

test('a memory that fails is no answer', async () => {
  const verifier = verifierOf({ seen: () => Promise.reject(new Error('store down')) })
  await expect(verifier.verify(genuine())).rejects.toThrow('store down')
})

test('an empty audience is refused at set-up', () => {
  expect(() => verifierOf({ audience: '' })).toThrow(TypeError)
})
