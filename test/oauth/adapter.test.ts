import { generateKeyPairSync } from 'node:crypto'
import { type Adapter, type AdapterFactory, errors } from 'oidc-provider'
import { beforeEach, describe, expect, test } from 'vitest'
import { instantOf } from '../../functions/kernel/clock.ts'
import { Conflict, type Table } from '../../functions/kernel/table.ts'
import { tableAdapter } from '../../functions/oauth/adapter.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { ClientRecord } from '../../schemas/client.ts'
import { partnerDocument } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'
import { youku } from './server.ts'

let table: Table
let nowSeconds: number
let models: AdapterFactory
beforeEach(async () => {
  table = (await freshTable()).table
  nowSeconds = 1_800_000_000
  models = tableAdapter({ table, wallNow: () => instantOf(nowSeconds * 1000) })
})

test('an artefact is found until it expires, though nothing deletes it', async () => {
  const codes = models('AuthorizationCode')
  await codes.upsert('c1', { jti: 'c1', scope: 'usage:write' }, 60)
  nowSeconds += 59
  expect(await codes.find('c1')).toEqual({ jti: 'c1', scope: 'usage:write' })
  expect(await models('AccessToken').find('c1')).toBeUndefined()
  nowSeconds += 1
  expect(await codes.find('c1')).toBeUndefined()
  await expect(codes.consume('c1')).rejects.toMatchObject({ error: 'invalid_grant' })
})

test('one of ten rivals consumes a code', async () => {
  const codes = models('AuthorizationCode')
  await codes.upsert('c1', { jti: 'c1' }, 60)
  const rivals = await Promise.allSettled(Array.from({ length: 10 }, () => codes.consume('c1')))
  expect(rivals.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const rival of rivals) if (rival.status === 'rejected') expect(rival.reason.error).toBe('invalid_grant')
  expect(await codes.find('c1')).toEqual({ jti: 'c1', consumed: nowSeconds })
})

test('no session is kept: nobody who agreed once is taken for signed in', async () => {
  const sessions = models('Session')
  await sessions.upsert('s1', { jti: 's1', uid: 'u1', accountId: 'sub' }, 60)
  expect([await sessions.find('s1'), await sessions.findByUid('u1')]).toEqual([undefined, undefined])
})

test('a device code is found by its user code until it expires, and by itself then too, as expired', async () => {
  const devices = models('DeviceCode')
  const payload = { jti: 'd1', userCode: 'BCDFGHJK', grantId: 'g', exp: nowSeconds + 60 }
  await devices.upsert('d1', payload, 60)
  expect(await devices.findByUserCode('BCDFGHJK')).toEqual(payload)
  expect(await models('Interaction').findByUserCode('BCDFGHJK')).toBeUndefined()
  nowSeconds += 60
  expect(await devices.findByUserCode('BCDFGHJK')).toBeUndefined()
  expect(await devices.find('d1')).toEqual({ ...payload, exp: 1 })
  await devices.destroy('d1')
  expect(await devices.find('d1')).toBeUndefined()
})

test('revoking a grant removes all of its artefacts of the model at once, and nothing else', async () => {
  const tokens = models('AccessToken')
  const ids = Array.from({ length: 60 }, (_, index) => `t${index}`)
  for (const id of ids) await tokens.upsert(id, { jti: id, grantId: 'g1' }, 60)
  await tokens.upsert('other', { jti: 'other', grantId: 'g2' }, 60)
  await models('RefreshToken').upsert('r', { jti: 'r', grantId: 'g1' }, 60)
  await tokens.revokeByGrantId('g1')
  expect(await Promise.all(ids.map(id => tokens.find(id)))).toEqual(ids.map(() => undefined))
  expect(await tokens.find('other')).toBeDefined()
  expect(await models('RefreshToken').find('r')).toBeDefined()
  await models('RefreshToken').revokeByGrantId('g1')
  expect(await models('RefreshToken').find('r')).toBeUndefined()
})

test('an interaction is taken away by one of ten, and an answer does not bring it back', async () => {
  const interactions = models('Interaction')
  await interactions.upsert('i1', { jti: 'i1' }, 60)
  await interactions.upsert('i1', { jti: 'i1', result: { login: { accountId: 'sub' } } }, 60)
  const rivals = await Promise.allSettled(Array.from({ length: 10 }, () => interactions.destroy('i1')))
  expect(rivals.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const late = interactions.upsert('i1', { jti: 'i1', result: { login: { accountId: 'sub' } } }, 60)
  await expect(late).rejects.toBeInstanceOf(errors.SessionNotFound)
  expect(await interactions.find('i1')).toBeUndefined()
})

test('a replay mark is set once, even after it has expired', async () => {
  const marks = models('ReplayDetection')
  await marks.upsert('m', { jti: 'm', iss: 'xiami' }, 60)
  nowSeconds += 61
  expect(await marks.find('m')).toBeUndefined()
  await expect(marks.upsert('m', { jti: 'm', iss: 'xiami' }, 60)).rejects.toBeInstanceOf(Conflict)
})

test('a model whose class name a bundler shortened is a fault, not a model without rules', () => {
  expect(() => models('t')).toThrow('keepNames')
})

test.each<keyof Adapter>(['find', 'findByUid', 'findByUserCode', 'destroy', 'revokeByGrantId'])(
  '%s of an id that cannot exist is no fault',
  async verb => {
    for (const id of ['', 'x'.repeat(5000)])
      expect(await models('Interaction')[verb](id, {} as never, undefined as never)).toBeUndefined()
  },
)

test('clients come from their records and cannot be written through the adapter', async () => {
  await saveClient({ table }, youku)
  const clients = models('Client')
  expect(await clients.find('youku')).toEqual({
    client_id: 'youku',
    client_secret: youku.secretHash,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: 'entitlements:read usage:write',
    brand: 'youku',
    partner: 'youku',
  })
  await expect(clients.upsert('youku', {})).rejects.toThrow('registered')
  await expect(clients.destroy('youku')).rejects.toThrow('registered')
  expect(await clients.find('nobody')).toBeUndefined()
})

describe('a client of a partner that is registered', () => {
  const device = 'urn:ietf:params:oauth:grant-type:device_code'
  const registered = async (redirectUris?: string[]) => {
    const document = partnerDocument('youku', redirectUris && { redirectUris })
    const now = () => instantOf(nowSeconds * 1000)
    await registerPartner({ table, vault: developmentVault(), now }, { caller: { brand: 'alibaba' }, document })
    await saveClient({ table }, youku)
    return models('Client').find('youku')
  }

  test('begins links on devices, and in browsers where it has addresses', async () => {
    const scope = 'entitlements:read usage:write link'
    expect(await registered()).toMatchObject({
      grant_types: ['client_credentials', device, 'refresh_token'],
      response_types: [],
      scope,
    })
    expect(await registered(['https://app.youku.example/linked'])).toMatchObject({
      grant_types: ['client_credentials', 'authorization_code', device, 'refresh_token'],
      response_types: ['code'],
      response_modes: ['query'],
      redirect_uris: ['https://app.youku.example/linked'],
      application_type: 'web',
      scope,
    })
  })

  test('is an app where an address is one, and loses only what no app can have', async () => {
    const uris = ['https://app.youku.example/linked', 'com.youku.tv:/linked', 'https://localhost/linked']
    expect(await registered(uris)).toMatchObject({ application_type: 'native', redirect_uris: uris.slice(0, 2) })
    const loopback = ['http://127.0.0.1/linked']
    expect(await registered(loopback)).toMatchObject({ application_type: 'native', redirect_uris: loopback })
  })
})

const { secretHash: _secretHash, ...bare } = youku
const jwk = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }) =>
  pair.publicKey.export({ format: 'jwk' }) as Record<string, unknown>
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keyed = (...keys: Record<string, unknown>[]): ClientRecord => ({
  ...bare,
  authentication: 'private_key_jwt',
  jwks: { keys },
})
test.each<[string, ClientRecord, string]>([
  ['a basic client without secret', bare, '/secretHash'],
  ['a secret that is no hash', { ...youku, secretHash: 'youku-secret' }, '/secretHash'],
  ['a key client without keys', { ...bare, authentication: 'private_key_jwt' }, '/jwks/keys'],
  ['a private key', keyed(p256.privateKey.export({ format: 'jwk' }) as Record<string, unknown>), '/jwks/keys/0'],
  ['a symmetric key', keyed(jwk(p256), { kty: 'oct', k: 'AAAA' }), '/jwks/keys/1'],
  ['a short RSA key', keyed(jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }))), '/jwks/keys/0'],
  ['another curve', keyed(jwk(generateKeyPairSync('ec', { namedCurve: 'P-384' }))), '/jwks/keys/0'],
  ['an unknown scope', { ...youku, scopes: ['everything' as 'usage:write'] }, '/scopes/0'],
])('%s is refused and not stored', async (_name, record, pointer) => {
  await expect(saveClient({ table }, record)).rejects.toMatchObject({
    code: 'invalid-document',
    errors: [expect.objectContaining({ pointer })],
  })
  expect(await models('Client').find('youku')).toBeUndefined()
})
