import { beforeEach, describe, expect, test } from 'vitest'
import { settleChanges } from '../../functions/consume.ts'
import { findRequest, findRun } from '../../functions/reconciliation/provisional-store.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import type { PeriodLine, UsageDay, UsagePeriod } from '../../schemas/usage-view.ts'
import { problemOf } from '../support/answers.ts'
import { bodyOf, closeOctober, type GatewayWorld, gatewayWorld, seedTerms, seedUse } from '../support/gateway.ts'

type Page<Item> = { items: Item[]; next?: string }

let world: GatewayWorld
let seeded: Awaited<ReturnType<typeof seedUse>>
beforeEach(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  seeded = await seedUse(world)
})

const period = '/v1/usage-periods/2026-10'
const get = <T>(path: string, client = 'youku') => world.call(client, 'GET', path).then(answer => bodyOf<T>(answer))
const report = async (...events: object[]) =>
  bodyOf<BatchReceipt>(await world.call('youku', 'POST', '/v1/usage-batches', { events }), 202)
const use = (id: string, change: object = {}) => ({ ...seeded.event, id, ...change })
const amount = (amountMinor: number, currency = 'CNY') => ({ amount: { amountMinor, currency } })

async function reportMonth() {
  await report(
    use('use-2', { quantity: 3, ...amount(4_200) }),
    use('use-3', { occurredAt: '2026-10-10T15:59:59Z', ...amount(800) }),
    use('use-4', { occurredAt: '2026-10-10T16:00:00Z' }),
    use('use-5', { subject: 'somebody', ...amount(5, 'JPY') }),
    use('use-6', { entitlementId: 'ent_00000000000000000000000000' }),
    use('use-7', { type: 'reversal', reverses: 'use-3', occurredAt: '2026-10-11T00:00:00Z' }),
    use('use-2', { quantity: 3, ...amount(4_200) }),
  )
}

describe('a period', () => {
  test('has what was matched and all dispositions, by programme; a close makes it final', async () => {
    await reportMonth()
    const programmes = [
      {
        programme: '88vip',
        state: 'open',
        dispositions: { matched: 5, 'wrong-subject': 1, duplicate: 1 },
        quantity: 5,
        amounts: [{ currency: 'CNY', amountMinor: 4_200 }],
      },
    ]
    expect(await get<UsagePeriod>(period)).toEqual({ period: '2026-10', sequence: 2, programmes })
    await closeOctober(world)
    const closed = await get<UsagePeriod>(period)
    expect(closed).toEqual({ period: '2026-10', sequence: 2, programmes: [{ ...programmes[0], state: 'published' }] })
    const { items } = await get<Page<PeriodLine>>(`${period}/dispositions`)
    expect(items.map(({ final }) => final)).toEqual(items.map(() => true))
    // What comes for a closed period is accounted in the next one.
    world.clock.moveTo('2026-11-03T00:00:00Z' as Instant)
    await report(use('late'))
    expect((await get<UsagePeriod>(period)).programmes).toEqual(closed.programmes)
    expect(await get<UsagePeriod>('/v1/usage-periods/2026-11')).toMatchObject({
      sequence: 3,
      programmes: [{ state: 'open', dispositions: { matched: 1 }, quantity: 1, amounts: [] }],
    })
  })

  test('in which a partner has nothing is empty, one that has not begun does not exist', async () => {
    expect(await get<UsagePeriod>('/v1/usage-periods/2026-09')).toEqual({
      period: '2026-09',
      sequence: 1,
      programmes: [],
    })
    expect(await get<UsagePeriod>(period, 'eleme')).toEqual({ period: '2026-10', sequence: 0, programmes: [] })
    for (const list of ['days', 'dispositions'])
      expect(await get<Page<unknown>>(`${period}/${list}`, 'eleme')).toEqual({ items: [] })
    expect(await (await world.call('eleme', 'GET', `${period}/days.csv`)).text()).toBe(
      'day,programme,benefit,disposition,lines,quantity,currency,amount_minor\r\n',
    )
    for (const suffix of ['', '/days', '/days.csv', '/dispositions', '/dispositions.csv'])
      await problemOf(await world.call('youku', 'GET', `/v1/usage-periods/2026-11${suffix}`), 404, 'period-not-found')
    // It begins where the day does first: in Shanghai.
    world.clock.moveTo('2026-10-31T16:00:00Z' as Instant)
    expect(await get<UsagePeriod>('/v1/usage-periods/2026-11')).toMatchObject({ programmes: [] })
  })

  test('is refused to those who report no usage', async () => {
    for (const suffix of ['', '/days', '/days.csv', '/dispositions', '/dispositions.csv']) {
      await problemOf(await world.call('jd', 'GET', `${period}${suffix}`), 403, 'not-yours')
      await problemOf(await world.call('alibaba', 'GET', `${period}${suffix}`), 403, 'insufficient-scope')
      await problemOf(await world.call(undefined, 'GET', `${period}${suffix}`), 401, 'unauthenticated')
    }
  })
})

describe('its days', () => {
  test('are those of the programme’s time zone', async () => {
    await reportMonth()
    const { items } = await get<Page<UsageDay>>(`${period}/days`)
    const common = { programme: '88vip', benefit: 'youku-vip' }
    const cny = (amountMinor: number) => ({ currency: 'CNY', amountMinor })
    const [tenth, eleventh] = ['2026-10-10', '2026-10-11']
    expect(items).toEqual([
      { day: tenth, ...common, disposition: 'duplicate', lines: 1, quantity: 3, amount: cny(4_200) },
      { day: tenth, ...common, disposition: 'matched', lines: 1, quantity: 1 },
      { day: tenth, ...common, disposition: 'matched', lines: 2, quantity: 4, amount: cny(5_000) },
      {
        day: tenth,
        ...common,
        disposition: 'wrong-subject',
        lines: 1,
        quantity: 1,
        amount: { currency: 'JPY', amountMinor: 5 },
      },
      { day: eleventh, ...common, disposition: 'matched', lines: 1, quantity: 1 },
      { day: eleventh, ...common, disposition: 'matched', lines: 1, quantity: -1, amount: cny(-800) },
    ])
  })

  test('as CSV: negative sums stay numbers, and the header Link names the next file', async () => {
    await reportMonth()
    const answer = await world.call('youku', 'GET', `${period}/days.csv?limit=5`)
    const [header, ...rows] = (await answer.text()).trimEnd().split('\r\n')
    expect(header).toBe('day,programme,benefit,disposition,lines,quantity,currency,amount_minor')
    expect(rows[2]).toBe('2026-10-10,88vip,youku-vip,matched,2,4,CNY,5000')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="usage-2026-10-days.csv"')
    const next = /^<(\/v1\/usage-periods\/2026-10\/days\.csv\?limit=5&cursor=[\w-]+)>; rel="next"$/.exec(
      answer.headers.get('link') ?? '',
    )?.[1]
    const rest = await world.call('youku', 'GET', next ?? '')
    expect((await rest.text()).split('\r\n').slice(1)).toEqual(['2026-10-11,88vip,youku-vip,matched,1,-1,CNY,-800', ''])
    expect(rest.headers.has('link')).toBe(false)
  })

  test('whose sums pass 2^53 are told in full as CSV only', async () => {
    const huge = amount(10_000_000_000_000)
    await report(...Array.from({ length: 1_000 }, (_, at) => use(`huge-${at}`, huge)))
    for (const path of [period, `${period}/days`])
      await problemOf(await world.call('youku', 'GET', path), 409, 'sum-too-large')
    const text = await (await world.call('youku', 'GET', `${period}/days.csv`)).text()
    expect(text).toContain('matched,1000,1000,CNY,10000000000000000\r\n')
  })
})

describe('its lines', () => {
  test('are picked by disposition and programme, page by page', async () => {
    await reportMonth()
    const all = await get<Page<PeriodLine>>(`${period}/dispositions`)
    expect(all.items.map(({ id, disposition }) => `${id} ${disposition}`)).toEqual([
      'use-1 matched',
      'use-2 matched',
      'use-3 matched',
      'use-4 matched',
      'use-5 wrong-subject',
      'use-7 matched',
      'use-2 duplicate',
    ])
    expect(all.items[1]).toMatchObject({ sequence: 2, line: 1, day: '2026-10-10', quantity: 3, final: false })
    const matched: PeriodLine[] = []
    let path: string | undefined = `${period}/dispositions?disposition=matched&programme=88vip&limit=2`
    for (let pages = 0; path !== undefined; pages++) {
      expect(pages).toBeLessThan(3)
      const { items, next }: Page<PeriodLine> = await get(path)
      matched.push(...items)
      path = next && `${period}/dispositions?disposition=matched&programme=88vip&limit=2&cursor=${next}`
    }
    expect(matched).toEqual(all.items.filter(({ disposition }) => disposition === 'matched'))
    expect(await get(`${period}/dispositions?programme=other`)).toEqual({ items: [] })
  })

  test('as CSV', async () => {
    await reportMonth()
    const answer = await world.call('youku', 'GET', `${period}/dispositions.csv?disposition=matched&limit=5`)
    const [header, first, second, ...rows] = (await answer.text()).trimEnd().split('\r\n')
    expect(header).toBe(
      'batch,sequence,line,id,programme,benefit,type,occurred_at,day,disposition,final,quantity,currency,amount_minor',
    )
    expect(first).toBe(
      `${seeded.batch.id},1,1,use-1,88vip,youku-vip,use,2026-10-10T04:00:00Z,2026-10-10,matched,false,1,,`,
    )
    expect(second).toMatch(/,2,1,use-2,88vip,youku-vip,use,.*,matched,false,3,CNY,4200$/)
    expect(rows.at(-1)).toMatch(
      /,use-7,88vip,youku-vip,reversal,2026-10-11T00:00:00Z,2026-10-11,matched,false,-1,CNY,-800$/,
    )
    expect(answer.headers.get('link')).toBeNull()
  })

  test('hostile cursors, limits and filters are refused', async () => {
    await reportMonth()
    const encoded = (text: string) => Buffer.from(text).toString('base64url')
    const { next = '' } = await get<Page<PeriodLine>>(`${period}/dispositions?limit=1`)
    const days = await get<Page<UsageDay>>(`${period}/days?limit=1`)
    const cursors: [string, string[]][] = [
      ['dispositions', ['x', '', days.next ?? '', `${next}=`, encoded('lines 2026-10 * *\n0/1'), encoded('line 1')]],
      ['dispositions.csv', [encoded('lines 2026-10 * *\n1/1\n'), encoded('lines 2026-09 * *\n1/1'), 'x'.repeat(1_000)]],
      ['days', ['x', '', next, encoded('days 2026-10\n'), encoded('days 2026-09\na\nb\nc\nd\ne')]],
      ['days.csv', [encoded('days 2026-10\na\nb\nc\nd\ne\nf'), encoded('batch 1')]],
    ]
    for (const [list, refused] of cursors) {
      for (const cursor of refused) {
        const answer = await world.call('youku', 'GET', `${period}/${list}?cursor=${encodeURIComponent(cursor)}`)
        const { errors } = await problemOf(answer, 400, 'invalid-request')
        expect([list, cursor, errors?.map(({ pointer }) => pointer)]).toEqual([list, cursor, ['/cursor']])
      }
      for (const query of ['limit=0', 'limit=10001', 'limit=x'])
        await problemOf(await world.call('youku', 'GET', `${period}/${list}?${query}`), 400, 'invalid-request')
    }
    // The cursor of another filter's list is none of this one.
    const filtered = `${period}/dispositions?disposition=matched&cursor=${next}`
    await problemOf(await world.call('youku', 'GET', filtered), 400, 'invalid-request')
    for (const query of ['disposition=fine', 'programme=../x', 'disposition=matched&disposition=duplicate'])
      await problemOf(await world.call('youku', 'GET', `${period}/dispositions?${query}`), 400, 'invalid-request')
  })
})

describe('the stream', () => {
  const inserted = (image: Record<string, object>) => ({
    Records: [{ eventName: 'INSERT', dynamodb: { NewImage: image } }],
  })
  const manifest = (sequence: number) =>
    inserted({ itemKind: { S: 'usage-manifest' }, partner: { S: 'youku' }, sequence: { N: String(sequence) } })

  test('stores a provisional run of each new batch, whatever the order of its records', async () => {
    await reportMonth()
    for (const sequence of [2, 1, 2]) await settleChanges(world.services, manifest(sequence))
    expect(await findRun(world.services.table, 'youku')).toMatchObject({ upTo: 2, state: 'whole', version: 1 })
    expect(await findRequest(world.services.table, 'youku')).toBeUndefined()
  })

  test('judges a chain again after the close that made it final', async () => {
    await settleChanges(world.services, manifest(1))
    const before = await findRun(world.services.table, 'youku')
    await closeOctober(world)
    const close = { itemKind: { S: 'close' }, programme: { S: '88vip' }, period: { S: '2026-10' } }
    await settleChanges(world.services, inserted({ ...close, state: { S: 'cutoff' }, requests: { N: '1' } }))
    const asked = await findRequest(world.services.table, 'youku')
    expect(asked?.basis).not.toBe(before?.basis)
    await settleChanges(world.services, inserted({ itemKind: { S: 'provisional-request' }, partner: { S: 'youku' } }))
    expect(await findRun(world.services.table, 'youku')).toMatchObject({
      basis: asked?.basis,
      state: 'whole',
      version: 2,
    })
  })
})
