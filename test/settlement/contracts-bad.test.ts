import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { settleChanges } from '../../functions/consume.ts'
import { usageNeeds } from '../../functions/gateway-needs.ts'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { localAccess } from '../../functions/local/engine.ts'
import { requestRun } from '../../functions/reconciliation/request-run.ts'
import type { UsageException } from '../../schemas/exception.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { contentOf, differences, itemsOf } from '../simulation/dump.ts'
import { refusalOf } from '../support/answers.ts'
import {
  bodyOf,
  closeOctober,
  type GatewayWorld,
  gatewayWorld,
  leaksOf,
  seedTerms,
  seedUse,
} from '../support/gateway.ts'

/** What is refused is refused with its code and pointers, and leaves every item of the table as it was. */
let world: GatewayWorld
const periods = '/v1/programmes/88vip/periods'

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

async function content(): Promise<Map<string, string>> {
  const client = dynamoDbClient({ endpoint: inject('dynamodbEndpoint'), ...localAccess })
  return contentOf(await itemsOf(client, world.services.config.TABLE_NAME))
}

/** @returns the refusal, after which the table holds what it held */
async function refused(client: string, method: string, path: string, body?: unknown) {
  await world.tokenOf(client)
  const before = await content()
  const refusal = await refusalOf(await world.call(client, method, path, body))
  expect(differences(await content(), before)).toEqual([])
  return refusal
}

const views = { id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.05' }
const contract = {
  id: 'back',
  programme: '88vip',
  payer: 'youku',
  payee: 'alibaba',
  currency: 'CNY',
  validFrom: '2026-01-01',
  validTo: '2026-12-31',
  taxRate: '0.06',
  lines: [views],
}
const line = (change: object) => ({ lines: [{ ...views, ...change }] })
const tiers = (...steps: object[]) => line({ unitPrice: undefined, tiers: { mode: 'graduated', steps } })
const funded = (...shares: [string, string][]) => line({ fundedBy: shares.map(([brand, share]) => ({ brand, share })) })
const invalid = (...pointers: string[]): [number, string, string[]] => [400, 'invalid-request', pointers]
const nines = '9'.repeat(30)

describe('a contract with a fault is refused whole', () => {
  test.each<[string, object, number, string, string[]]>([
    ['overlaps another', { payer: 'alibaba', payee: 'youku' }, 409, 'contract-overlap', ['/lines/0/benefit']],
    ['has a negative price', line({ unitPrice: '-1' }), 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['has a price of 30 digits', line({ unitPrice: nines }), 400, 'invalid-request', ['/lines/0/unitPrice']],
    [
      'has 30 digits after the point',
      line({ unitPrice: `0.${nines}` }),
      400,
      'invalid-request',
      ['/lines/0/unitPrice'],
    ],
    ['has a price in words of a double', line({ unitPrice: '1e3' }), 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['has a price that is a number', line({ unitPrice: 0.05 }), 400, 'invalid-request', ['/lines/0/unitPrice']],
    ['is in no known currency', { currency: 'ABC' }, 400, 'invalid-request', ['/currency']],
    ['is in a currency without minor unit', { currency: 'XAU' }, 400, 'invalid-request', ['/currency']],
    ['is in a currency in lower case', { currency: 'cny' }, 400, 'invalid-request', ['/currency']],
    [
      'has tiers out of order',
      tiers({ upTo: 10, unitPrice: '2' }, { upTo: 5, unitPrice: '1' }, { unitPrice: '1' }),
      ...invalid('/lines/0/tiers/steps/1/upTo'),
    ],
    [
      'has two tiers of one end',
      tiers({ upTo: 10, unitPrice: '2' }, { upTo: 10, unitPrice: '1' }, { unitPrice: '1' }),
      ...invalid('/lines/0/tiers/steps/1/upTo'),
    ],
    ['has a last tier that ends', tiers({ upTo: 10, unitPrice: '2' }), ...invalid('/lines/0/tiers/steps/0/upTo')],
    [
      'has an open tier before the last',
      tiers({ unitPrice: '2' }, { unitPrice: '1' }),
      ...invalid('/lines/0/tiers/steps/0/upTo'),
    ],
    ['has no tiers', tiers(), 400, 'invalid-request', ['/lines/0/tiers/steps']],
    ['has neither price nor tiers', line({ unitPrice: undefined }), 400, 'invalid-request', ['/lines/0/unitPrice']],
    [
      'has shares below 1',
      funded(['youku', '0.5'], ['eleme', '0.4999']),
      400,
      'invalid-request',
      ['/lines/0/fundedBy'],
    ],
    [
      'has shares that pass 1 by the last digit',
      funded(['youku', '0.5'], ['eleme', '0.500000000001']),
      ...invalid('/lines/0/fundedBy'),
    ],
    ['has one funder twice', funded(['youku', '0.5'], ['youku', '0.5']), 400, 'invalid-request', ['/lines/0/fundedBy']],
    ['has a share above 1', funded(['youku', '1.5']), ...invalid('/lines/0/fundedBy/0/share', '/lines/0/fundedBy')],
    ['has a share in words', funded(['youku', 'all']), 400, 'invalid-request', ['/lines/0/fundedBy/0/share']],
    ['has a minimum in words', { minimum: 'some', maximum: '1' }, 400, 'invalid-request', ['/minimum']],
    ['has a maximum in words', { minimum: '1', maximum: 'all' }, 400, 'invalid-request', ['/maximum']],
    ['has its minimum above its maximum', { minimum: '10', maximum: '9' }, 400, 'invalid-request', ['/maximum']],
    [
      'has its minimum above its maximum by less than a double tells',
      { minimum: '123456789012.000000000002', maximum: '123456789012.000000000001' },
      ...invalid('/maximum'),
    ],
    ['ends before it begins', { validTo: '2025-12-31' }, 400, 'invalid-request', ['/validTo']],
    ['begins on a day that is none', { validFrom: '2026-02-30' }, 400, 'invalid-request', ['/validFrom']],
    ['pays itself', { payee: 'youku' }, 400, 'invalid-request', ['/payee']],
    ['pays a brand that nobody registered', { payee: 'nobody' }, 422, 'invalid-document', ['/payee']],
    [
      'is funded by a brand that nobody registered',
      funded(['nobody', '1']),
      422,
      'invalid-document',
      ['/lines/0/fundedBy/0/brand'],
    ],
    ['names an unknown benefit', line({ benefit: 'tudou' }), 422, 'invalid-document', ['/lines/0/benefit']],
    ['has two lines of one id', { lines: [views, views] }, 400, 'invalid-request', ['/lines/1/id']],
    ['has a line of a reserved name', line({ id: 'maximum-cut' }), 400, 'invalid-request', ['/lines/0/id']],
    ['has no line', { lines: [] }, 400, 'invalid-request', ['/lines']],
    ['has a tax of more than all', { taxRate: '1.01' }, 400, 'invalid-request', ['/taxRate']],
    ['forgets its tax', { taxRate: undefined }, 400, 'invalid-request', ['/taxRate']],
    ['has a field that nobody reads', { minimun: '1' }, 400, 'invalid-request', ['/minimun']],
  ])('that %s', async (_name, change, status, code, pointers) => {
    expect(await refused('alibaba', 'PUT', '/v1/contracts/back', { ...contract, ...change })).toEqual([
      ...[status, code, pointers],
    ])
  })

  test('of a programme that is not there, or is another brand’s', async () => {
    const stranger = { ...contract, programme: 'nothing' }
    expect((await refused('alibaba', 'PUT', '/v1/contracts/back', stranger))[1]).toBe('programme-not-found')
    expect((await refused('jd', 'PUT', '/v1/contracts/back', contract))[1]).toBe('not-yours')
  })

  test('while one with as many digits as a price may have is taken', async () => {
    const exact = { minimum: '123456789012.000000000001', maximum: '123456789012.000000000002' }
    const { status } = await world.call('alibaba', 'PUT', '/v1/contracts/exact', { ...contract, ...exact, id: 'exact' })
    expect(status).toBe(200)
  })
})

describe('periods, statements and exceptions', () => {
  let exception: UsageException

  beforeAll(async () => {
    const { event } = await seedUse(world)
    const wrong = { ...event, id: 'use-2', subject: 'sub_00000000000000000000000000' }
    await bodyOf(await world.call('youku', 'POST', '/v1/usage-batches', { events: [wrong] }), 202)
    await requestRun(usageNeeds(world.services), 'youku')
    const image = { itemKind: { S: 'provisional-request' }, partner: { S: 'youku' } }
    await settleChanges(world.services, { Records: [{ eventName: 'INSERT', dynamodb: { NewImage: image } }] })
    const path = '/v1/exceptions?reason=wrong-subject'
    const { items } = await bodyOf<{ items: UsageException[] }>(await world.call('alibaba', 'GET', path))
    exception = items[0] as UsageException
  }, 60_000)

  test('a period that is not over, one that never was, and one whose name is none', async () => {
    expect(await refused('alibaba', 'POST', `${periods}/2026-10/close`)).toEqual([409, 'period-not-over', []])
    expect(await refused('alibaba', 'POST', `${periods}/2026-09/close`)).toEqual([404, 'period-not-found', []])
    expect(await refused('alibaba', 'POST', `${periods}/2027-01/preview`)).toEqual([404, 'period-not-found', []])
    expect(await refused('alibaba', 'POST', `${periods}/2026-1/close`)).toEqual([400, 'invalid-request', ['/period']])
    const [status] = await refused('alibaba', 'POST', `${periods}/2026-10/close`, { force: true })
    expect(status).toBe(400)
  })

  test('a month before which one is open', async () => {
    world.clock.moveTo('2026-12-05T00:00:00Z' as Instant)
    expect(await refused('alibaba', 'POST', `${periods}/2026-11/close`)).toEqual([409, 'earlier-period-open', []])
    world.clock.moveTo('2026-10-25T00:00:00Z' as Instant)
  })

  test.each([
    `${periods}?cursor=2026-13`,
    `${periods}?cursor=%00`,
    `${periods}?cursor=`,
    `${periods}?limit=0`,
    '/v1/statements?cursor=x',
    `/v1/statements?cursor=${Buffer.from('PARTY#youku').toString('base64url')}`,
    '/v1/statements?period=2026-10-01',
    '/v1/exceptions?cursor=x',
  ])('a query that no answer gave: %s', async path => {
    expect((await refused('alibaba', 'GET', path)).slice(0, 2)).toEqual([400, 'invalid-request'])
  })

  test('an exception that is decided already, or with an amount that is none', async () => {
    const path = `/v1/exceptions/${exception.id}/resolve`
    const amounts: [object, string][] = [
      [{ outcome: 'adjusted', reason: 'x' }, '/amountMinor'],
      [{ outcome: 'adjusted', reason: 'x', amountMinor: -5 }, '/amountMinor'],
      [{ outcome: 'adjusted', reason: 'x', amountMinor: 10 ** 30 }, '/amountMinor'],
      [{ outcome: 'accepted', reason: 'x', amountMinor: 5 }, '/amountMinor'],
      [{ outcome: 'cleared', reason: 'x' }, '/outcome'],
    ]
    for (const [body, pointer] of amounts)
      expect(await refused('alibaba', 'POST', path, body)).toEqual([400, 'invalid-request', [pointer]])
    await bodyOf(await world.call('alibaba', 'POST', path, { outcome: 'accepted', reason: 'agreed' }))
    for (const outcome of ['rejected', 'accepted'])
      expect((await refused('alibaba', 'POST', path, { outcome, reason: 'after all' }))[1]).toBe('exception-resolved')
    expect((await refused('jd', 'POST', path, { outcome: 'rejected', reason: 'x' }))[0]).toBeGreaterThanOrEqual(403)
  })

  test('a period that is closed stays as it is, whatever is asked of it', async () => {
    await closeOctober(world)
    const late = await refused('youku', 'POST', `${periods}/2026-10/close`)
    expect(late.slice(0, 2)).toEqual([403, 'insufficient-scope'])
    expect(await refused('alibaba', 'POST', `${periods}/2026-12/close`)).toEqual([409, 'period-not-over', []])
    const before = await content()
    const again = await world.call('alibaba', 'POST', `${periods}/2026-10/close`)
    expect([again.status, await again.json()]).toEqual([202, { period: '2026-10', state: 'published' }])
    expect(differences(await content(), before)).toEqual([])
  })
})
