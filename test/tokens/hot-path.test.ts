import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../functions/connect.ts'
import { countedWrite } from '../../functions/entitlements/store.ts'
import { gateway } from '../../functions/gateway.ts'
import { tokenPart } from '../../functions/gateway-token.ts'
import { testClock } from '../../functions/kernel/clock.ts'
import { dynamoDbClient, openTable } from '../../functions/kernel/table.ts'
import type { App } from '../../functions/kernel/validate.ts'
import { accountWrite, linkWrite } from '../../functions/links/records.ts'
import { localAccess } from '../../functions/local/engine.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { developmentVault, type Vault } from '../../functions/tokens/vault.ts'
import { LinkRecord } from '../../schemas/link.ts'
import { EntitlementTokenClaims, tokenTypes } from '../../schemas/token.ts'
import { instant, partnerDocument } from '../memberships/world.ts'
import { recordTable } from '../support/recorded-table.ts'
import { freshTable } from '../support/table.ts'

const issuer = 'https://tessera.example'
const ulid = (number: number) => `01K9ZQ4T7V8W2X3Y4Z5A6B7${String(number).padStart(3, '0')}`

/** All that an entitlement can carry, as large as in real programmes. */
const held = (number: number) => ({
  id: `ent_${ulid(number)}`,
  membership: `mbr_${ulid(number % 2)}`,
  benefit: `benefit-x${String(number).padStart(3, '0')}`,
  kind: 'allowance',
  state: number % 3 === 0 ? 'ending' : 'active',
  validFrom: '2026-01-01T00:00:00.123Z',
  validUntil: '2027-01-01T00:00:00.123Z',
  graceUntil: '2027-01-08T00:00:00.123Z',
  timeZone: 'Asia/Shanghai',
  limits: { streams: 4, quality: 'ultra-hd', downloads: 100, offline: true },
  quota: { per: 'P1M', limit: 1000, rollover: true },
})
const linkOf = (number: number, partner: string, entitlements = 10) =>
  LinkRecord.parse({
    id: `lnk_${ulid(number)}`,
    programme: '88vip',
    partner,
    member: `mem_${ulid(number)}`,
    account: `account-of-somebody-${ulid(number)}`,
    subject: `sub_${ulid(number)}`,
    state: 'active',
    since: '2026-01-01T00:00:00.123Z',
    consentedAt: '2026-01-01T00:00:00.123Z',
    seq: 42,
    status: { list: 7, index: 104_729 },
    entitlements: Array.from({ length: entitlements }, (_, index) => held(number * 20 + index)),
  })
const [own, foreign, empty] = [linkOf(1, 'youku'), linkOf(2, 'eleme'), linkOf(3, 'youku', 0)]
const unknown = `lnk_${ulid(9)}`

let app: App
let recorded: Awaited<ReturnType<typeof recordTable>>
let accessToken: string
let vaultCalls = 0
let reregister: (tokenTtlSeconds: number) => Promise<unknown>
const clock = testClock(instant('2026-10-05T02:00:00Z'))

beforeAll(async () => {
  const { table: direct, tableName, endpoint } = await freshTable()
  recorded = await recordTable(endpoint)
  const table = openTable(dynamoDbClient({ ...localAccess, endpoint: recorded.endpoint }), tableName)
  const inner = developmentVault()
  const vault = new Proxy(inner, {
    get(target, name: keyof Vault) {
      vaultCalls++
      return target[name]
    },
  })
  const config = {
    TABLE_NAME: tableName,
    ISSUER: issuer,
    IDENTITY_ISSUER: 'https://identity.invalid',
    IDENTITY_CLIENT_ID: 'tessera',
    ALLOW_LOOPBACK: false,
    AWS_REGION: 'us-east-1',
  }
  const services = connect(config, { table, vault, now: clock.now, log: () => undefined })
  app = gateway(services, { token: tokenPart })

  for (const link of [own, foreign, empty]) await direct.write(linkWrite(link, undefined))
  for (const { id, programme, partner, account, state, since } of [own, foreign]) {
    const links = [{ id, programme, account, state, since }]
    await direct.write(accountWrite({ partner, account, version: 1, live: {}, grants: {}, links }, undefined))
  }
  for (const { id: link, partner, entitlements } of [own, foreign]) {
    const periods = { '2026-09': 1000, '2026-10': 987 }
    const quotas = Object.fromEntries(entitlements.map(({ id }) => [id, { used: periods }]))
    await direct.write(countedWrite({ link, partner, quotas }, undefined))
  }
  reregister = tokenTtlSeconds =>
    registerPartner(
      { ...services, table: direct },
      { caller: { brand: 'alibaba' }, document: partnerDocument('youku', { tokenTtlSeconds }) },
    )
  await reregister(120)
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: issuer, sub: 'youku', client_id: 'youku', jti: 'a', iat, exp: iat + 600 }
  accessToken = await services.keys.sign('access', tokenTypes.access, {
    ...claims,
    scope: 'entitlements:read',
    brand: 'youku',
    partner: 'youku',
  })
})
afterAll(() => recorded.stop())

const ask = (body: object) =>
  app.request('/v1/entitlement-tokens', {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
async function claimsOf(answer: Response) {
  expect(answer.status).toBe(200)
  const { token } = (await answer.json()) as { token: string }
  return EntitlementTokenClaims.parse(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()))
}

/** Keys, the registration and where DynamoDB is are read once. */
async function warmed() {
  for (let times = 0; times < 3; times++) await claimsOf(await ask({ linkId: own.id }))
}

describe('a token on a warm instance', () => {
  it('costs one Query of one read unit, no write and no call of the vault', async () => {
    await warmed()
    vaultCalls = 0
    for (let times = 0; times < 3; times++) {
      const calls = await recorded.during(async () => {
        const claims = await claimsOf(await ask({ linkId: own.id }))
        expect(claims.ent).toHaveLength(10)
        expect(claims.ent[0]).toMatchObject({ rem: 13, lim: { quality: 'ultra-hd' } })
      })
      expect(calls.map(({ operation }) => operation)).toEqual(['Query'])
      expect(calls[0]?.input).toMatchObject({ ConsistentRead: true })
      expect(calls[0]?.answer.ConsumedCapacity?.CapacityUnits).toBe(1)
    }
    expect(vaultCalls).toBe(0)
  })

  it('by account costs one read more', async () => {
    await warmed()
    const calls = await recorded.during(async () => {
      expect(await claimsOf(await ask({ account: own.account }))).toMatchObject({ lnk: own.id })
    })
    expect(calls.map(({ operation }) => operation)).toEqual(['GetItem', 'Query'])
    const unlinked = await recorded.during(async () =>
      expect((await ask({ account: foreign.account })).status).toBe(404),
    )
    expect(unlinked.map(({ operation }) => operation)).toEqual(['GetItem'])
  })

  it('lives as long as the partner is registered for, ten seconds after a change', async () => {
    const lifetime = async () => {
      const { exp, iat } = await claimsOf(await ask({ linkId: own.id }))
      return exp - iat
    }
    expect(await lifetime()).toBe(120)
    await reregister(300)
    expect(await lifetime()).toBe(120)
    clock.moveTo(instant('2026-10-05T03:00:00Z'))
    expect(await lifetime()).toBe(300)
  })
})

describe("another partner's link", () => {
  const seen = async (linkId: string) => {
    const calls = await recorded.during(() => Promise.resolve())
    expect(calls).toEqual([])
    let answer = new Response()
    const asked = await recorded.during(async () => {
      answer = await ask({ linkId })
    })
    const { instance: _request, ...problem } = (await answer.json()) as Record<string, unknown>
    const headers = [...answer.headers].filter(([name]) => name !== 'x-request-id')
    const masked = (value: unknown) => JSON.stringify(value).replaceAll(linkId, '<link>')
    return {
      status: answer.status,
      headers,
      problem,
      asked: asked.map(({ operation, input }) => `${operation} ${masked(input)}`),
      items: asked.map(({ answer: { Items, Count } }) => [Items, Count]),
    }
  }

  it('is answered, and looked for, as one that does not exist', async () => {
    await warmed()
    const [ofAnother, ofNobody] = [await seen(foreign.id), await seen(unknown)]
    expect(ofAnother).toEqual(ofNobody)
    expect(ofAnother).toMatchObject({ status: 404, problem: { code: 'link-not-found' }, items: [[[], 0]] })
    expect(ofAnother.asked).toHaveLength(1)
  })

  it('is told apart from an own link without entitlements', async () => {
    expect(await seen(empty.id)).toMatchObject({ status: 409, problem: { code: 'nothing-entitled' } })
  })

  it.each<[string, unknown]>([
    ['a linkId that is none', { linkId: 'lnk_1' }],
    ['both names', { linkId: unknown, account: 'a' }],
    ['no name', {}],
    ['an unknown field', { linkId: unknown, verbose: true }],
  ])('nothing is looked for after %s', async (_, body) => {
    await warmed()
    const calls = await recorded.during(async () => {
      const answer = await ask(body as object)
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'invalid-request'])
    })
    expect(calls).toEqual([])
  })
})
