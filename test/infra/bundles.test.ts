import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { saveClient } from '../../functions/oauth/register-client.ts'
import type { FunctionName } from '../../infra/lambdas.ts'
import type { ClientRecord, Scope } from '../../schemas/client.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { bundleOf } from '../support/bundle.ts'
import { type GuardedTable, guardTable } from '../support/guarded-table.ts'
import { type Kms, startKms } from '../support/kms.ts'
import { type Lambda, startLambda } from '../support/lambda.ts'
import { permitOf } from '../support/policy.ts'
import { type S3, startS3 } from '../support/s3.ts'
import { type States, startStates } from '../support/states.ts'
import { environmentOf, type Synthesis, synthesize } from '../support/synthesis.ts'
import { freshTable } from '../support/table.ts'

const names = ['api', 'token', 'authorize', 'changes', 'timers', 'settle', 'close', 'drop'] as const
const Answer = z.object({
  statusCode: z.number(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
  isBase64Encoded: z.boolean(),
})
const secretOf = (id: string) => `${id}-secret`
const client = (id: string, scopes: Scope[], partner?: string): ClientRecord => ({
  id,
  brand: id,
  scopes,
  authentication: 'client_secret_basic',
  secretHash: createHash('sha256').update(secretOf(id)).digest('hex'),
  ...(partner && { partner }),
})
const clients = [
  client('alibaba', ['partners:write', 'keys:write']),
  client('youku', ['entitlements:read', 'usage:write'], 'youku'),
]
type Sent = { headers?: Record<string, string>; body?: string }

let synthesis: Synthesis
let kms: Kms
let s3: S3
let states: States
const tables = new Map<FunctionName, GuardedTable>()
const lambdas = new Map<FunctionName, Lambda>()

beforeAll(async () => {
  synthesis = synthesize({ bundled: true })
  const { template, folder, lambda } = synthesis
  const permitFor = (name: FunctionName) => permitOf(template, lambda(name).Properties.Role['Fn::GetAtt'][0])
  kms = await startKms(caller => permitFor(caller as FunctionName))
  s3 = await startS3(caller => permitFor(caller as FunctionName))
  states = await startStates(caller => permitFor(caller as FunctionName))
  const { table: whole, tableName, endpoint } = await freshTable()
  for (const client of clients) await saveClient({ table: whole }, client)
  await Promise.all(
    names.map(async name => {
      const given = environmentOf(lambda(name), {
        table: tableName,
        keyArn: kms.keyArn,
        bucket: s3.bucket,
        machine: states.machine,
      })
      const runtime = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: name, AWS_SECRET_ACCESS_KEY: 'none' }
      const bundle = join(folder, lambda(name).Metadata['aws:asset:path'], 'index.mjs')
      const table = await guardTable(endpoint, permitFor(name))
      tables.set(name, table)
      const endpoints = {
        DYNAMODB_ENDPOINT: table.endpoint,
        KMS_ENDPOINT: kms.endpoint,
        S3_ENDPOINT: s3.endpoint,
        STATES_ENDPOINT: states.endpoint,
      }
      lambdas.set(name, await startLambda(bundle, { ...given, ...runtime, ...endpoints }))
    }),
  )
}, 300_000)

afterAll(async () => {
  await Promise.all([...lambdas.values()].map(lambda => lambda.stop()))
  await Promise.all([...tables.values()].map(table => table.stop()))
  await kms?.stop()
  await s3?.stop()
  await states?.stop()
  synthesis?.remove()
})

const invoke = (name: FunctionName, event: unknown) => {
  const lambda = lambdas.get(name)
  if (!lambda) throw new Error(`${name} did not start`)
  return lambda.invoke(event)
}

/** Sends a request as the HTTP API would: to the Lambda of its route, or of `$default` where it has none. */
async function send(method: string, path: string, { headers = {}, body }: Sent = {}) {
  const fits = (key: string) =>
    new RegExp(`^${key.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(`${method} ${path}`)
  const routeKey = [...synthesis.routes.keys()].find(fits) ?? '$default'
  const name = synthesis.routes.get(routeKey)
  if (!name) throw new Error('no default route')
  const answer = Answer.parse(await invoke(name, httpEvent(routeKey, method, path, { headers, ...(body && { body }) })))
  const text = answer.isBase64Encoded ? Buffer.from(answer.body, 'base64').toString() : answer.body
  return { name, status: answer.statusCode, headers: answer.headers, text }
}

/** An event of API Gateway, payload format 2.0. */
const httpEvent = (routeKey: string, method: string, path: string, { headers, body }: Sent) => ({
  version: '2.0',
  routeKey,
  rawPath: path,
  rawQueryString: '',
  headers: { host: 'tessera.example', 'x-forwarded-proto': 'https', ...headers },
  requestContext: {
    accountId: '111122223333',
    apiId: 'api',
    domainName: 'tessera.example',
    domainPrefix: 'tessera',
    http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' },
    requestId: 'JKJaXmPLvHcESHA=',
    routeKey,
    stage: '$default',
    time: '21/Nov/2026:12:00:00 +0000',
    timeEpoch: 1795262400000,
  },
  ...(body !== undefined && { body: Buffer.from(body).toString('base64') }),
  isBase64Encoded: body !== undefined,
})

const eachMinute = { source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }

const problem = async (answer: ReturnType<typeof send>) => {
  const { status, headers, text, name } = await answer
  return { name, status, type: headers['content-type'], code: (JSON.parse(text) as { code: string }).code }
}

describe('bundles behind the HTTP API', () => {
  it('api answers that it is well', async () => {
    expect(await send('GET', '/health')).toMatchObject({ name: 'api', status: 200, text: '{"status":"ok"}' })
  })

  it('api serves what it carries inside the bundle', async () => {
    const { text } = await send('GET', '/openapi.json')
    expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0' })
    const style = await send('GET', '/portal.css')
    expect(style).toMatchObject({ name: 'api', status: 200 })
    expect(style.headers['content-type']).toContain('text/css')
    const portal = await send('GET', '/')
    expect(portal).toMatchObject({ name: 'api', status: 200 })
    expect(portal.headers['content-type']).toContain('text/html')
  })

  it('token publishes two keys for each purpose, the one that signs and the next, which KMS made for it', async () => {
    // The token Lambda may not make keys: the timer does, a minute after a deployment at the latest.
    await invoke('timers', eachMinute)
    const { name, status, text } = await send('GET', '/.well-known/jwks.json')
    expect({ name, status }).toEqual({ name: 'token', status: 200 })
    const { keys } = JSON.parse(text) as { keys: { alg: string; kid: string; d?: string }[] }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(2 * KeyPurpose.options.length)
    for (const key of keys) expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' })
    expect(text).not.toContain('"d"')
  })

  it('token answers a request without access token with a problem', async () => {
    const body = {
      headers: { 'content-type': 'application/json' },
      body: '{"linkId":"lnk_01K00000000000000000000000"}',
    }
    expect(await problem(send('POST', '/v1/entitlement-tokens', body))).toEqual({
      name: 'token',
      status: 401,
      type: 'application/problem+json',
      code: 'unauthenticated',
    })
  })

  it('authorize names itself, and gives nothing to a client without credentials', async () => {
    const { name, text } = await send('GET', '/.well-known/oauth-authorization-server')
    expect(name).toBe('authorize')
    expect(JSON.parse(text)).toMatchObject({
      issuer: 'https://tessera.example',
      token_endpoint: 'https://tessera.example/oauth/token',
    })
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from('nobody:nothing').toString('base64')}`,
    }
    const refused = await send('POST', '/oauth/token', { headers, body: 'grant_type=client_credentials' })
    expect(refused).toMatchObject({ name: 'authorize', status: 401 })
  })

  it('an unknown route and an unknown method are problems', async () => {
    const type = 'application/problem+json'
    expect(await problem(send('GET', '/v1/nothing'))).toEqual({ name: 'api', status: 404, type, code: 'not-found' })
    expect(await problem(send('DELETE', '/v1/links'))).toMatchObject({ name: 'api', status: 405, type })
  })
})

describe('bundles that work together, each with the keys and the table as its role allows', () => {
  const basic = (id: string) => `Basic ${Buffer.from(`${id}:${secretOf(id)}`).toString('base64')}`
  const form = 'application/x-www-form-urlencoded'

  async function bearer(id: string) {
    const headers = { 'content-type': form, authorization: basic(id) }
    const answer = await send('POST', '/oauth/token', { headers, body: 'grant_type=client_credentials' })
    expect(answer).toMatchObject({ name: 'authorize', status: 200 })
    const { access_token } = z.object({ access_token: z.string() }).parse(JSON.parse(answer.text))
    return { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
  }

  it('authorize signs an access token by which api registers a partner and seals its secret', async () => {
    const partner = {
      id: 'youku',
      name: 'Youku',
      category: 'video',
      issuer: 'https://youku.example',
      clientId: 'tessera',
      clientSecret: 'hush',
    }
    const sent = { headers: await bearer('alibaba'), body: JSON.stringify(partner) }
    const registered = await send('PUT', '/v1/partners/youku', sent)
    expect({ name: registered.name, status: registered.status }, registered.text).toEqual({ name: 'api', status: 200 })
    expect(registered.text).not.toContain('hush')
    expect(kms.allowed).toContainEqual({ caller: 'api', action: 'Encrypt', purpose: undefined })
  })

  it('api signs a receipt for a usage batch', async () => {
    const event = {
      id: 'y-1',
      entitlementId: 'ent_01K00000000000000000000000',
      benefit: 'youku-vip',
      subject: 'sub',
      occurredAt: '2026-11-01T00:00:00Z',
    }
    const sent = { headers: await bearer('youku'), body: JSON.stringify({ events: [event] }) }
    const batch = await send('POST', '/v1/usage-batches', sent)
    expect({ name: batch.name, status: batch.status }, batch.text).toEqual({ name: 'api', status: 202 })
    expect(JSON.parse(batch.text)).toMatchObject({
      lines: 1,
      receipt: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
    })
    expect(kms.allowed).toContainEqual({ caller: 'api', action: 'Decrypt', purpose: 'statement' })
  })

  it('api rotates the keys of another Lambda, which it cannot open', async () => {
    const rotated = await send('POST', '/v1/keys/entitlement/rotate', { headers: await bearer('alibaba'), body: '{}' })
    expect({ name: rotated.name, status: rotated.status }, rotated.text).toEqual({ name: 'api', status: 200 })
    const { keys } = JSON.parse(rotated.text) as { keys: { state: string }[] }
    expect(keys.map(({ state }) => state)).toEqual(['current', 'next', 'next'])
    for (const action of ['GenerateDataKeyPairWithoutPlaintext', 'ReEncryptFrom', 'ReEncryptTo'])
      expect(kms.allowed).toContainEqual({ caller: 'api', action, purpose: 'entitlement' })
    expect(kms.allowed).not.toContainEqual({ caller: 'api', action: 'Decrypt', purpose: 'entitlement' })
  })

  it('token tells in English what is wrong with a request', async () => {
    const sent = { headers: await bearer('youku'), body: '{"account":5,"programme":"88 VIP","verbose":true}' }
    const { status, text } = await send('POST', '/v1/entitlement-tokens', sent)
    expect(status).toBe(400)
    expect((JSON.parse(text) as { errors: object[] }).errors).toEqual([
      { pointer: '/account', detail: 'Invalid input: expected string, received number' },
      { pointer: '/programme', detail: expect.stringMatching(/^lower-case letters/) },
      { pointer: '/verbose', detail: 'unknown field' },
    ])
  })

  it('token knows the caller and has no link for it', async () => {
    const sent = { headers: await bearer('youku'), body: '{"account":"nobody"}' }
    expect(await problem(send('POST', '/v1/entitlement-tokens', sent))).toMatchObject({
      name: 'token',
      status: 404,
      code: 'link-not-found',
    })
  })
})

describe('the bundle of the file drop', () => {
  const line = (id: string) =>
    `{"id":"${id}","entitlementId":"ent_1","benefit":"youku-vip","subject":"s","occurredAt":"2026-11-01T00:00:00Z"}\n`
  /** S3's event, as EventBridge hands it to the Lambda. */
  const created = (key: string, version: string) => ({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { version: '0', bucket: { name: s3.bucket }, object: { key, 'version-id': version }, reason: 'PutObject' },
  })
  const drop = async (key: string, body: Uint8Array) => {
    const version = s3.upload(key, body)
    await invoke('drop', created(key, version))
    return JSON.parse(s3.textOf(`${key.replace('incoming', 'receipts')}.${version}.json`) ?? '{}') as object
  }

  it('receives a file of a partner that api registered, twice told and stored once', async () => {
    const body = gzipSync(line('f-1') + line('f-2'))
    const result = await drop('incoming/youku/november.ndjson.gz', body)
    expect(result).toMatchObject({ state: 'complete', lines: 2, batches: [{ receipt: expect.stringMatching(/^ey/) }] })
    expect(await drop('incoming/youku/november.ndjson.gz', body)).toMatchObject({
      batches: (result as { batches: object[] }).batches,
    })
    expect(kms.allowed).toContainEqual({ caller: 'drop', action: 'Decrypt', purpose: 'statement' })
  })

  it('refuses the file of nobody', async () => {
    const version = s3.upload('incoming/nobody/a.ndjson', Buffer.from(line('f-3')))
    await invoke('drop', created('incoming/nobody/a.ndjson', version))
    expect(JSON.parse(s3.textOf(`refused/nobody/a.ndjson.${version}.json`) ?? '{}')).toMatchObject({
      code: 'partner-not-found',
    })
  })
})

describe('the bundle of the token path', () => {
  const bundle = () => bundleOf(join(synthesis.folder, synthesis.lambda('token').Metadata['aws:asset:path']))

  it('has 350 KB at most without the AWS SDK', () => {
    const { ownBytes, sdkBytes } = bundle()
    expect(ownBytes).toBeLessThanOrEqual(350 * 1024)
    expect(ownBytes).toBeGreaterThan(50 * 1024)
    expect(sdkBytes).toBeGreaterThan(100 * 1024)
  })

  it('carries nothing of the portal, the OAuth server or settlement', () => {
    const { inputs } = bundle()
    expect(inputs.some(path => path.endsWith('functions/tokens/mint.ts'))).toBe(true)
    const foreign =
      /functions\/(portal|settlement|reconciliation|reports|usage|docs|memberships|local)\/|functions\/oauth\/(provider|adapter)|node_modules\/(oidc-provider|koa|openid-client|temporal-polyfill|@asteasolutions)\/|hono\/dist\/jsx|zod\/v4\/locales\/(?!en)/
    expect(inputs.filter(path => foreign.test(path))).toEqual([])
  })
})

describe('bundles behind the stream and the schedule', () => {
  it.each(['changes', 'settle'] as const)('%s takes an empty batch', async name => {
    await expect(invoke(name, { Records: [] })).resolves.not.toThrow()
  })

  it('timers fire where nothing is due', async () => {
    await expect(invoke('timers', eachMinute)).resolves.not.toThrow()
  })
})

describe('the bundles of a close', () => {
  const stream = (requests: number) => {
    const close = {
      itemKind: { S: 'close' },
      programme: { S: '88vip' },
      period: { S: '2026-10' },
      state: { S: 'cutoff' },
      identity: { S: 'a'.repeat(64) },
      cutoffAt: { S: '2026-11-01T00:00:00Z' },
    }
    return {
      Records: [{ eventName: 'INSERT', dynamodb: { NewImage: { ...close, requests: { N: String(requests) } } } }],
    }
  }

  it('settle starts one execution for each time that somebody asks, told once or twice', async () => {
    for (const requests of [1, 1, 2]) await invoke('settle', stream(requests))
    const input = { programme: '88vip', period: '2026-10' }
    expect(states.executions).toEqual([
      { name: expect.stringMatching(/^88vip_2026-10_1_[0-9a-f]{20}$/), input },
      { name: expect.stringMatching(/^88vip_2026-10_2_[0-9a-f]{20}$/), input },
    ])
  })

  it('settle has the stream tell it again what Step Functions did not take', async () => {
    states.failNext()
    await expect(invoke('settle', stream(3))).rejects.toThrow('status 500')
    expect(states.executions).toHaveLength(2)
  })

  it('close knows its tasks, and has none for a period that is not cut off', async () => {
    const plan = { task: 'plan', programme: '88vip', period: '2026-10' }
    await expect(invoke('close', plan)).rejects.toThrow('has not been cut off')
    await expect(invoke('close', { ...plan, task: 'undo' })).rejects.toThrow('Invalid')
  })
})

describe('roles', () => {
  it('allow every call of KMS and of the table that the bundles made above', () => {
    expect(kms.refused).toEqual([])
    expect(s3.refused).toEqual([])
    expect(states.refused).toEqual([])
    expect(kms.allowed.map(({ action }) => action)).toContain('GenerateDataKeyPairWithoutPlaintext')
    for (const { refused } of tables.values()) expect(refused).toEqual([])
  })

  const permitFor = (name: FunctionName) =>
    permitOf(synthesis.template, synthesis.lambda(name).Properties.Role['Fn::GetAtt'][0])
  const context = (purpose?: string, kid?: string) => ({
    ...(purpose !== undefined && { 'kms:EncryptionContext:purpose': [purpose] }),
    ...(kid !== undefined && { 'kms:EncryptionContext:kid': [kid] }),
  })
  const opens = (name: FunctionName) =>
    KeyPurpose.options.filter(purpose =>
      permitFor(name)({ action: 'kms:Decrypt', conditionKeys: context(purpose, 'thumbprint') }),
    )

  it('let each Lambda open the signing keys of its own purposes and no others', () => {
    expect(Object.fromEntries(names.map(name => [name, opens(name)]))).toEqual({
      api: ['entitlement', 'statement', 'client'],
      token: ['entitlement', 'status-list'],
      authorize: ['access'],
      changes: ['event'],
      timers: ['event', 'client'],
      settle: [],
      close: ['statement'],
      drop: ['statement'],
    })
    for (const name of names) {
      const decrypts = (conditionKeys: Record<string, string[]>) =>
        permitFor(name)({ action: 'kms:Decrypt', conditionKeys })
      expect([name, decrypts({})]).toEqual([name, ['api', 'authorize', 'timers'].includes(name)])
      for (const purpose of KeyPurpose.options) expect([name, decrypts(context(purpose))]).toEqual([name, false])
    }
  })

  it('let those that may be first make keys of every purpose, and bind only new ones', () => {
    for (const name of names) {
      const may = (action: string, conditionKeys: Record<string, string[]>) =>
        permitFor(name)({ action: `kms:${action}`, conditionKeys })
      const creates = !['changes', 'token', 'settle', 'close', 'drop'].includes(name)
      for (const purpose of KeyPurpose.options) {
        expect(may('GenerateDataKeyPairWithoutPlaintext', context(purpose))).toBe(creates)
        expect(may('ReEncryptFrom', context(purpose))).toBe(creates)
        expect(may('ReEncryptTo', context(purpose, 'thumbprint'))).toBe(creates)
        // The key of another purpose, as it is stored, cannot be turned into one that this Lambda may open.
        expect(may('ReEncryptFrom', context(purpose, 'thumbprint'))).toBe(false)
        expect(may('ReEncryptTo', context(purpose))).toBe(false)
      }
      // Nor can a secret be turned into a key.
      expect(may('ReEncryptFrom', context())).toBe(false)
    }
  })

  it('keep the token Lambda from writing anything but status lists', () => {
    const write = (action: string, ...partitions: string[]) =>
      permitFor('token')({ action: `dynamodb:${action}`, conditionKeys: { 'dynamodb:LeadingKeys': partitions } })
    for (const action of ['PutItem', 'UpdateItem']) {
      expect(write(action, 'STATUS#youku#1')).toBe(true)
      for (const partition of ['KEYS', 'LINK#lnk_1', 'KEYS#', 'STATUS', 'CLIENT#alibaba', 'MEMBERSHIP#STATUS#'])
        expect([partition, write(action, partition)]).toEqual([partition, false])
      expect(write(action, 'STATUS#youku#1', 'LINK#lnk_1')).toBe(false)
      expect(write(action)).toBe(false)
    }
    expect(write('DeleteItem', 'STATUS#youku#1')).toBe(false)
  })

  it('keep the file drop to usage in the table and to its prefixes in the bucket', () => {
    const permit = permitFor('drop')
    const may = (action: string, ...partitions: string[]) =>
      permit({ action: `dynamodb:${action}`, conditionKeys: { 'dynamodb:LeadingKeys': partitions } })
    for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem']) {
      expect(may(action, 'USAGE#youku')).toBe(true)
      expect(may(action, 'CHUNKS#youku#bat_1')).toBe(true)
      for (const partition of [
        'KEYS',
        'LINK#lnk_1',
        'STATUS#youku',
        'PARTNER#youku',
        'CLIENT#alibaba',
        'CLOSE#88vip#2026-10',
      ])
        expect([action, partition, may(action, partition)]).toEqual([action, partition, false])
      expect(may(action)).toBe(false)
    }
    const s3May = (action: string, part: string) => permit({ action: `s3:${action}`, part, conditionKeys: {} })
    const actions = [
      'GetObject',
      'GetObjectVersion',
      'PutObject',
      'DeleteObject',
      'DeleteObjectVersion',
      'PutObjectAcl',
    ]
    const allowed = (prefix: string) => actions.filter(action => s3May(action, `/${prefix}/youku/a.ndjson`))
    expect(Object.fromEntries(['incoming', 'receipts', 'refused', 'other'].map(name => [name, allowed(name)]))).toEqual(
      {
        incoming: ['GetObject', 'GetObjectVersion'],
        receipts: ['GetObject', 'PutObject'],
        refused: ['PutObject'],
        other: [],
      },
    )
    const closes = (partition: string) =>
      permitFor('close')({ action: 'dynamodb:PutItem', conditionKeys: { 'dynamodb:LeadingKeys': [partition] } })
    expect(
      ['CLOSE#88vip#2026-10', 'LEDGER#88vip', 'STATEMENT#stm_1', 'SPILL#x', 'PROVISIONAL#youku'].every(closes),
    ).toBe(true)
    expect(['KEYS', 'USAGE#youku', 'CLOSES#88vip', 'CONTRACT#a', 'LINK#lnk_1', 'BRAND#youku'].some(closes)).toBe(false)
    for (const name of names.filter(other => other !== 'settle'))
      expect(permitFor(name)({ action: 'states:StartExecution', conditionKeys: {} })).toBe(false)
    for (const name of names.filter(other => other !== 'drop'))
      expect(permitFor(name)({ action: 's3:PutObject', part: '/receipts/a', conditionKeys: {} })).toBe(false)
  })
})
