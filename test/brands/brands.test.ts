import { beforeAll, describe, expect, test } from 'vitest'
import { brandName, settlementAccounts } from '../../functions/brands/find-brand.ts'
import { listVersions } from '../../functions/brands/store.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { brands, clientSecret } from '../../functions/local/demo.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import type { Brand } from '../../schemas/brand.ts'
import { BrandDocument } from '../../schemas/brand.ts'
import { problemOf, refusalOf } from '../support/answers.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, partnerDocument, seedTerms } from '../support/gateway.ts'

const youku = BrandDocument.parse(brands.find(({ id }) => id === 'youku'))
const own = 'youku-desk'
const account = { name: 'Youku SE', iban: 'DE89370400440532013000', bic: 'DEUTDEFF' }
const elsewhere = { name: 'Somebody Else', iban: 'FR1420041010050500013M02606' }

let world: GatewayWorld
const put = (client: string, document: { id: string } & Record<string, unknown>, headers = {}) =>
  world.call(client, 'PUT', `/v1/brands/${document.id}`, document, headers)
const versionsOf = (brand: string, registrar: string) => listVersions(world.services.table, { brand, registrar })
const get = (client: string, id: string) => world.call(client, 'GET', `/v1/brands/${id}`)

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  // The brand's own desk, which the demo's partner clients are not.
  await saveClient(world.services, {
    id: own,
    brand: 'youku',
    scopes: ['partners:write', 'finance:read'],
    authentication: 'client_secret_basic',
    secretHash: sha256(clientSecret(own)),
  })
  for (const { iban } of [account, elsewhere]) world.confidential.add(iban)
})

describe('a brand that an operator registered', () => {
  test('is shown to it with a version, and the same document again changes nothing', async () => {
    const answer = await get('alibaba', 'youku')
    expect(answer.headers.get('etag')).toBe('"1"')
    const brand = await bodyOf<Brand>(answer)
    expect(brand).toEqual({ ...youku, version: 1, appliedAt: brand.appliedAt, inUse: true })
    expect(await bodyOf<Brand>(await put('alibaba', youku))).toEqual(brand)
    expect(await versionsOf('youku', 'alibaba')).toHaveLength(1)
  })

  test('is changed by it, under the version that it has', async () => {
    const changed = { ...youku, name: '优酷' }
    await problemOf(await put('alibaba', changed, { 'if-match': '"7"' }), 412, 'version-mismatch')
    expect(await bodyOf<Brand>(await put('alibaba', changed, { 'if-match': '"1"' }))).toMatchObject({ version: 2 })
  })

  test('leaves what it was, with the client that made it and when', async () => {
    const versions = await versionsOf('youku', 'alibaba')
    expect(versions.map(({ version, name, client, registrar }) => [version, name, client, registrar])).toEqual([
      [1, youku.name, 'alibaba', 'alibaba'],
      [2, '优酷', 'alibaba', 'alibaba'],
    ])
    expect(versions[0]?.settlementAccount).toEqual(youku.settlementAccount)
    expect(versions.every(({ appliedAt }) => appliedAt.startsWith('20'))).toBe(true)
  })

  test('is nobody else’s to see or to change', async () => {
    await problemOf(await get('jd', 'youku'), 404, 'brand-not-found')
    await problemOf(await put('jd', { ...youku, settlementAccount: elsewhere }), 403, 'not-yours')
    await problemOf(await get('youku', 'youku'), 403, 'insufficient-scope')
    await problemOf(await get('jd', 'nobody'), 404, 'brand-not-found')
    // Not even the brand itself: what the operator noted is the operator's.
    await problemOf(await get(own, 'youku'), 404, 'brand-not-found')
  })

  test('registers itself beside the operator, whose entry stays and is not used any more', async () => {
    const mine = { ...youku, settlementAccount: account }
    expect(await bodyOf<Brand>(await put(own, mine))).toMatchObject({ version: 1, inUse: true })
    expect(await bodyOf<Brand>(await get(own, 'youku'))).toMatchObject({ settlementAccount: account, inUse: true })
    const theirs = { ...youku, settlementAccount: elsewhere }
    expect(await bodyOf<Brand>(await put('alibaba', theirs))).toMatchObject({ version: 3, inUse: false })
    const seen = await bodyOf<Brand>(await get('alibaba', 'youku'))
    expect(seen).toMatchObject({ settlementAccount: elsewhere, inUse: false })
    const accounts = await settlementAccounts(world.services, { operator: 'alibaba', brands: ['youku', 'nobody'] })
    expect([...accounts]).toEqual([['youku', account]])
    expect((await versionsOf('youku', 'youku')).map(({ client }) => client)).toEqual([own])
  })

  test('rivals that change it both get through, and each leaves its version', async () => {
    const names = ['One', 'Two', 'Three']
    await Promise.all(names.map(async name => bodyOf(await put(own, { ...youku, settlementAccount: account, name }))))
    const versions = await versionsOf('youku', 'youku')
    expect(versions.map(({ version }) => version)).toEqual([1, 2, 3, 4])
    expect(versions.map(({ name }) => name).sort()).toEqual([...names, youku.name].sort())
  })
})

describe('a brand that nobody has registered', () => {
  test('may be registered by an operator whose contracts name it, and by nobody else', async () => {
    const jd = { id: 'jd', name: 'JD', settlementAccount: elsewhere }
    await problemOf(await put('alibaba', jd), 403, 'not-yours')
    expect(await bodyOf<Brand>(await put('jd', jd))).toMatchObject({ version: 1 })
    const stranger = { ...jd, id: 'some-brand' }
    for (const client of ['alibaba', 'jd']) await problemOf(await put(client, stranger), 403, 'not-yours')
  })

  test('two operators register it each for its own payments, whoever came first', async () => {
    await partnerOf('jd', 'plus')
    await bodyOf(await put('jd', { id: 'studio', name: 'Studio of JD', settlementAccount: elsewhere }))
    const as = async (operator: string) =>
      (await settlementAccounts(world.services, { operator, brands: ['studio'] })).get('studio')
    expect([await as('jd'), await as('alibaba')]).toEqual([elsewhere, undefined])
    await problemOf(await put('alibaba', { id: 'studio', name: 'S', settlementAccount: account }), 403, 'not-yours')
    await partnerOf('alibaba', 'again')
    await bodyOf(await put('alibaba', { id: 'studio', name: 'Studio', settlementAccount: account }))
    expect([await as('jd'), await as('alibaba')]).toEqual([elsewhere, account])
    const nameFor = (operator?: string) => brandName(world.services, { brand: 'studio', operator })
    expect([await nameFor('jd'), await nameFor('alibaba'), await nameFor()]).toEqual([
      'Studio of JD',
      'Studio',
      undefined,
    ])
  })
})

/** A programme of the operator with a partner whose brand it says is "studio". */
async function partnerOf(operator: string, id: string) {
  const partner = `${operator}-studio`
  await bodyOf(
    await world.call(operator, 'PUT', `/v1/partners/${partner}`, { ...partnerDocument(partner), brand: 'studio' }),
  )
  const programme = await bodyOf<Record<string, unknown>>(await world.call('alibaba', 'GET', '/v1/programmes/88vip'))
  const { version: _version, appliedAt: _appliedAt, ...document } = programme
  const [benefit] = document['benefits'] as Record<string, unknown>[]
  const theirs = {
    ...document,
    id,
    brand: operator,
    choiceGroups: [],
    benefits: [{ ...benefit, id: 'films', partner, choiceGroup: undefined }],
  }
  await bodyOf(await world.call(operator, 'PUT', `/v1/programmes/${id}`, theirs))
  const contract = {
    id: `studio-${id}`,
    programme: id,
    payer: operator,
    payee: 'studio',
    currency: 'CNY',
    validFrom: '2026-01-01',
    taxRate: '0',
    lines: [{ id: 'fee', model: 'flat', fee: '1' }],
  }
  await bodyOf(await world.call(operator, 'PUT', `/v1/contracts/${contract.id}`, contract))
}

test('trying the example of the documentation changes nothing in the demo', async () => {
  const { example } = BrandDocument.meta() as { example: BrandDocument }
  expect(example).toEqual(brands.find(({ id }) => id === 'alibaba'))
  expect(await bodyOf<Brand>(await put('alibaba', example))).toMatchObject({ version: 1 })
})

describe('bad documents', () => {
  const changes: [string, object, string][] = [
    ['a wrong check digit', { iban: 'DE88370400440532013000' }, '/settlementAccount/iban'],
    ['an IBAN with spaces', { iban: 'DE89 3704 0044 0532 0130 00' }, '/settlementAccount/iban'],
    ['both kinds of account', { iban: account.iban, accountId: '1' }, '/settlementAccount/iban'],
    ['neither kind of account', { iban: undefined }, '/settlementAccount/iban'],
    ['an IBAN that is too long for Germany', { iban: 'DE7137040044053201300001' }, '/settlementAccount/iban'],
    ['no bank where there is no IBAN', { iban: undefined, accountId: '1', bic: undefined }, '/settlementAccount/bic'],
    ['a BIC that is none', { bic: 'DEUT' }, '/settlementAccount/bic'],
    ['a name with markup', { name: '<b>' }, '/settlementAccount/name'],
    ['a name that banks cannot read', { name: '优酷' }, '/settlementAccount/name'],
    ['a name over 70', { name: 'x'.repeat(71) }, '/settlementAccount/name'],
    ['an unknown field', { swift: 'x' }, '/settlementAccount/swift'],
  ]
  test.each(changes)('%s is pointed at, and nothing changes', async (_what, change, pointer) => {
    const before = await (await get(own, 'youku')).text()
    const answer = await put(own, { ...youku, settlementAccount: { ...account, ...change } } as BrandDocument)
    expect(await refusalOf(answer)).toEqual([400, 'invalid-request', [pointer]])
    expect(await (await get(own, 'youku')).text()).toBe(before)
  })

  test('the id is that of the path', async () => {
    const answer = await world.call(own, 'PUT', '/v1/brands/youku', { ...youku, id: 'xiami' })
    expect(await refusalOf(answer)).toEqual([400, 'invalid-request', ['/id']])
  })

  test('no account is in the log', () => {
    expect(world.lines.length).toBeGreaterThan(20)
    expect(leaksOf(world)).toEqual([])
  })
})
