import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contracts, programme } from '../../functions/local/demo.ts'
import { changed, refusalOf } from '../support/answers.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

const put = (path: string, document: unknown) => world.call('alibaba', 'PUT', path, document)
const textOf = async (path: string): Promise<[number, string | null, unknown]> => {
  const answer = await world.call('alibaba', 'GET', path)
  const { instance: _instance, ...body } = (await answer.json()) as Record<string, unknown>
  return [answer.status, answer.headers.get('etag'), body]
}

describe('a programme with a fault is refused whole', () => {
  const [plan] = programme.plans
  const [first, second] = programme.benefits
  const twoGroups = [...programme.choiceGroups, { id: 'nobody', choose: 1 }]
  const foreign = { amountMinor: 100, currency: 'USD' }
  const cases: [string, string, unknown, number, string[]][] = [
    ['an unknown partner', '/benefits/0/partner', 'nobody', 422, ['/benefits/0/partner']],
    ['two benefits of one id', '/benefits/1/id', 'youku-vip', 422, ['/benefits/1/id']],
    ['two plans of one id', '/plans', [plan, plan], 422, ['/plans/1/id']],
    ['a choice group that nobody uses', '/choiceGroups', twoGroups, 422, ['/choiceGroups/1']],
    ['a choice group that is not there', '/benefits/1/choiceGroup', 'nothing', 422, ['/benefits/1/choiceGroup']],
    ['a price in another currency', '/plans/0/price', foreign, 422, ['/plans/0/price/currency']],
    [
      'a rule’s price in another currency',
      '/plans/0/priceRules/0/price',
      foreign,
      422,
      ['/plans/0/priceRules/0/price/currency'],
    ],
    ['an unknown currency', '/currency', 'XYZ', 400, ['/currency']],
    ['a bad time zone', '/timeZone', 'Asia/Nowhere', 422, ['/timeZone']],
    ['an offset for a time zone', '/timeZone', '+08:00', 422, ['/timeZone']],
    ['a negative price', '/plans/0/price/amountMinor', -1, 400, ['/plans/0/price/amountMinor']],
    ['a fraction of a minor unit', '/plans/0/price/amountMinor', 0.5, 400, ['/plans/0/price/amountMinor']],
    ['a price that no number holds', '/plans/0/price/amountMinor', 2 ** 53, 400, ['/plans/0/price/amountMinor']],
    ['a term that is none', '/plans/0/term', 'a year', 400, ['/plans/0/term']],
    ['no plan', '/plans', [], 400, ['/plans']],
    ['no benefit', '/benefits', [], 400, ['/benefits']],
    ['no name', '/name', {}, 400, ['/name']],
    ['an unknown kind', '/benefits/0/kind', 'gift', 400, ['/benefits/0/kind']],
    ['an unknown field inside', '/benefits/0/linkRequird', true, 400, ['/benefits/0/linkRequird']],
    ['a missing field inside', '/benefits/0/linkRequired', undefined, 400, ['/benefits/0/linkRequired']],
    ['a quota on access', '/benefits/0/quota', { per: 'P1M', limit: 1 }, 422, ['/benefits/0/quota']],
    [
      '51 benefits',
      '/benefits',
      Array.from({ length: 51 }, (_, i) => ({ ...first, id: `b-${i}` })),
      400,
      ['/benefits'],
    ],
  ]

  test.each(cases)('%s', async (_name, pointer, value, status, pointers) => {
    const code = status === 422 ? 'invalid-document' : 'invalid-request'
    const before = await textOf('/v1/programmes/88vip')
    expect(await refusalOf(await put('/v1/programmes/88vip', changed(programme, pointer, value)))).toEqual([
      status,
      code,
      pointers,
    ])
    expect(await textOf('/v1/programmes/88vip')).toEqual(before)

    const fresh = changed({ ...programme, id: 'fresh' }, pointer, value)
    expect(await refusalOf(await put('/v1/programmes/fresh', fresh))).toEqual([status, code, pointers])
    expect((await textOf('/v1/programmes/fresh'))[0]).toBe(404)
  })

  test('every fault is named at once', async () => {
    const faulty = {
      ...programme,
      plans: [{ ...plan, price: foreign }],
      choiceGroups: twoGroups,
      benefits: [first, { ...second, id: first?.id }, { ...second, partner: 'nobody' }],
    }
    const [status, code, pointers] = await refusalOf(await put('/v1/programmes/88vip', faulty))
    expect([status, code]).toEqual([422, 'invalid-document'])
    expect(pointers.sort()).toEqual([
      '/benefits/1/id',
      '/benefits/2/partner',
      '/choiceGroups/1',
      '/plans/0/price/currency',
    ])
  })

  test('the time zone of a programme cannot change', async () => {
    const moved = { ...programme, timeZone: 'Europe/Berlin' }
    expect(await refusalOf(await put('/v1/programmes/88vip', moved))).toEqual([422, 'invalid-document', ['/timeZone']])
  })

  test('every apply is a new version, also of the same document', async () => {
    type Answer = { version: number; benefits: unknown }
    const before = await bodyOf<Answer>(await world.call('alibaba', 'GET', '/v1/programmes/88vip'))
    const again = await bodyOf<Answer>(await put('/v1/programmes/88vip', programme))
    expect(again).toMatchObject({ version: before.version + 1, benefits: before.benefits })
  })
})

describe('a contract with a fault is refused whole', () => {
  const youku = contracts[0] as object
  const eleme = contracts[2] as object
  const tooLong = '1'.repeat(30)
  const steps = '/lines/1/tiers/steps'
  const cases: [string, object, string, unknown, number, string, string[]][] = [
    ['an unknown currency', youku, '/currency', 'XYZ', 400, 'invalid-request', ['/currency']],
    ['a price of 30 digits', youku, '/lines/0/unitPrice', tooLong, 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['a price as a number', youku, '/lines/0/unitPrice', 6.5, 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['a negative price', youku, '/lines/0/unitPrice', '-1', 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['an exponent', youku, '/lines/0/unitPrice', '1e9', 400, 'invalid-request', ['/lines/0/unitPrice']],
    [
      'tiers out of order',
      youku,
      steps,
      [{ upTo: 100, unitPrice: '2' }, { upTo: 100, unitPrice: '1' }, { unitPrice: '0.5' }],
      400,
      'invalid-request',
      [`${steps}/1/upTo`],
    ],
    ['tiers without an end', youku, steps, [{ upTo: 9, unitPrice: '2' }], 400, 'invalid-request', [`${steps}/0/upTo`]],
    [
      'shares that do not add to 1',
      eleme,
      '/lines/1/fundedBy/0/share',
      '0.61',
      400,
      'invalid-request',
      ['/lines/1/fundedBy'],
    ],
    ['a price and tiers', youku, '/lines/1/unitPrice', '1', 400, 'invalid-request', ['/lines/1/unitPrice']],
    ['two lines of one id', youku, '/lines/1/id', 'active', 400, 'invalid-request', ['/lines/1/id']],
    ['no line', youku, '/lines', [], 400, 'invalid-request', ['/lines']],
    ['an unknown model', youku, '/lines/0/model', 'per-smile', 400, 'invalid-request', ['/lines/0/model']],
    ['an unknown field', youku, '/lines/0/unitprice', '1', 400, 'invalid-request', ['/lines/0/unitprice']],
    ['a day that does not exist', youku, '/validFrom', '2026-02-30', 400, 'invalid-request', ['/validFrom']],
    ['an end before the beginning', youku, '/validTo', '2025-12-31', 400, 'invalid-request', ['/validTo']],
    ['one brand on both sides', youku, '/payee', 'alibaba', 400, 'invalid-request', ['/payee']],
    ['a maximum below the minimum', youku, '/maximum', '1', 400, 'invalid-request', ['/maximum']],
    ['an unknown benefit', youku, '/lines/0/benefit', 'nothing', 422, 'invalid-document', ['/lines/0/benefit']],
  ]

  test.each(cases)('%s', async (_name, document, pointer, value, status, code, pointers) => {
    const id = (document as { id: string }).id
    const before = await textOf(`/v1/contracts/${id}`)
    expect(await refusalOf(await put(`/v1/contracts/${id}`, changed(document, pointer, value)))).toEqual([
      status,
      code,
      pointers,
    ])
    expect(await textOf(`/v1/contracts/${id}`)).toEqual(before)

    const fresh = changed({ ...document, id: 'fresh' }, pointer, value)
    expect(await refusalOf(await put('/v1/contracts/fresh', fresh))).toEqual([status, code, pointers])
    expect((await textOf('/v1/contracts/fresh'))[0]).toBe(404)
  })

  test('terms that others cover already', async () => {
    const rival = { ...youku, id: 'rival', validFrom: '2026-06-01' }
    expect(await refusalOf(await put('/v1/contracts/rival', rival))).toEqual([
      409,
      'contract-overlap',
      ['/lines/0/benefit', '/lines/1/benefit'],
    ])
    expect((await textOf('/v1/contracts/rival'))[0]).toBe(404)
  })

  test('an unknown programme', async () => {
    const lost = { ...youku, id: 'lost', programme: 'nothing' }
    expect(await refusalOf(await put('/v1/contracts/lost', lost))).toEqual([404, 'programme-not-found', []])
    expect((await textOf('/v1/contracts/lost'))[0]).toBe(404)
  })
})
