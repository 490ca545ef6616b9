import { beforeEach, describe, expect, test } from 'vitest'
import type { BatchView, LineDisposition } from '../../schemas/disposition.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import type { BatchSummary } from '../../schemas/usage-view.ts'
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

const get = <T>(path: string, client = 'youku') => world.call(client, 'GET', path).then(answer => bodyOf<T>(answer))
const report = async (...events: (object | string)[]) =>
  bodyOf<BatchReceipt>(
    await world.call(
      'youku',
      'POST',
      '/v1/usage-batches',
      events.map(event => `${typeof event === 'string' ? event : JSON.stringify(event)}\n`).join(''),
      { 'content-type': 'application/x-ndjson' },
    ),
    202,
  )
const use = (id: string, change: object = {}) => ({ ...seeded.event, id, ...change })
const mixed = () => [
  use('use-1'),
  use('use-1', { quantity: 2 }),
  use('use-2'),
  'not json',
  use('use-3', { entitlementId: 'ent_00000000000000000000000000' }),
  use('use-4', { subject: 'somebody' }),
]

describe('batches', () => {
  test('are listed newest first and page by page, with what the receipt says', async () => {
    const receipts = [seeded.batch]
    for (let number = 0; number < 4; number++) receipts.push(await report(use(`more-${number}`), 'x'))
    const seen: BatchSummary[] = []
    let path = '/v1/usage-batches?limit=2'
    for (let pages = 0; pages < 3; pages++) {
      const { items, next } = await get<Page<BatchSummary>>(path)
      seen.push(...items)
      expect(next === undefined).toBe(pages === 2)
      path = `/v1/usage-batches?limit=2&cursor=${next}`
    }
    expect(seen.map(({ id }) => id)).toEqual(receipts.map(({ id }) => id).reverse())
    expect(seen[0]).toMatchObject({ sequence: 5, lines: 2, malformed: 1 })
    expect(Object.keys(seen[0] ?? {}).sort()).toEqual(['digest', 'id', 'lines', 'malformed', 'receivedAt', 'sequence'])
    expect((await get<Page<BatchSummary>>('/v1/usage-batches', 'eleme')).items).toEqual([])
  })

  test('count their lines, and the counts add up, also after later batches and a close', async () => {
    const { id } = await report(...mixed())
    const counted = {
      duplicate: 1,
      conflict: 1,
      matched: 1,
      malformed: 1,
      'unknown-entitlement': 1,
      'wrong-subject': 1,
    }
    const path = `/v1/usage-batches/${id}`
    expect((await get<BatchView>(path)).dispositions).toEqual(counted)
    await report(use('use-5'), use('use-2'))
    expect((await get<BatchView>(path)).dispositions).toEqual(counted)
    const before = await get<Page<LineDisposition>>(`${path}/dispositions`)
    expect(before.items.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5, 6])
    expect(before.items.every(({ final }) => !final)).toBe(true)
    await closeOctober(world)
    expect((await get<BatchView>(path)).dispositions).toEqual(counted)
    const after = await get<Page<LineDisposition>>(`${path}/dispositions`)
    // What belongs to no programme is closed by none.
    const finalOnes = new Set(['duplicate', 'conflict', 'matched', 'wrong-subject'])
    expect(after.items).toEqual(before.items.map(item => ({ ...item, final: finalOnes.has(item.disposition) })))
  })

  test('as CSV: one row a line, safe in a spreadsheet, and where rows are left a link to the next file', async () => {
    const { id } = await report(use('=1+1'), use('@sum'), 'x', use('-2'), use('"q",'))
    const path = `/v1/usage-batches/${id}/dispositions.csv`
    const whole = await world.call('youku', 'GET', path)
    expect([whole.status, whole.headers.get('content-type'), whole.headers.get('link')]).toEqual([
      200,
      'text/csv; charset=utf-8',
      null,
    ])
    expect(whole.headers.get('content-disposition')).toBe(`attachment; filename="${id}.csv"`)
    const bytes = Buffer.from(await whole.arrayBuffer())
    expect(bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]))
    const rows = [
      'batch,line,id,disposition,final',
      `${id},1,'=1+1,matched,false`,
      `${id},2,'@sum,matched,false`,
      `${id},3,,malformed,false`,
      `${id},4,'-2,matched,false`,
      `${id},5,"""q"",",matched,false`,
    ]
    expect(bytes.subarray(3).toString()).toBe(rows.map(row => `${row}\r\n`).join(''))

    const read: string[] = []
    let next: string | undefined = `${path}?limit=2`
    for (let pages = 0; next !== undefined; pages++) {
      expect(pages).toBeLessThan(3)
      const answer: Response = await world.call('youku', 'GET', next)
      const [header, ...own] = (await answer.text()).trimEnd().split('\r\n')
      expect(header?.replace('\ufeff', '')).toBe(rows[0])
      read.push(...own)
      next = /^<(\/[^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    }
    expect(read).toEqual(rows.slice(1))
  })

  test('of other partners do not exist', async () => {
    for (const suffix of ['', '/dispositions', '/dispositions.csv']) {
      const path = `/v1/usage-batches/${seeded.batch.id}${suffix}`
      await problemOf(await world.call('eleme', 'GET', path), 404, 'batch-not-found')
      await problemOf(await world.call('jd', 'GET', path), 403, 'not-yours')
      await problemOf(await world.call(undefined, 'GET', path), 401, 'unauthenticated')
    }
  })

  test('cursors and limits that no page gave are refused', async () => {
    const encoded = (text: string) => Buffer.from(text).toString('base64url')
    const cursors = ['x', '', '%00', encoded('line 0'), encoded('batch 0'), encoded('batch 1e3'), encoded('line 1 ')]
    for (const list of ['', `/${seeded.batch.id}/dispositions`, `/${seeded.batch.id}/dispositions.csv`]) {
      const other = list === '' ? encoded('line 1') : encoded('batch 1')
      for (const cursor of [...cursors, other, 'x'.repeat(900)]) {
        const answer = await world.call('youku', 'GET', `/v1/usage-batches${list}?cursor=${cursor}`)
        const { errors } = await problemOf(answer, 400, 'invalid-request')
        expect(errors?.map(({ pointer }) => pointer)).toEqual(['/cursor'])
      }
      for (const limit of ['0', '-1', '1.5', '10001', 'x', '1e9', ''])
        await problemOf(
          await world.call('youku', 'GET', `/v1/usage-batches${list}?limit=${limit}`),
          400,
          'invalid-request',
        )
    }
  })

  test('a page past the end is empty', async () => {
    const past = Buffer.from('line 9').toString('base64url')
    const path = `/v1/usage-batches/${seeded.batch.id}/dispositions?cursor=${past}`
    expect(await get<Page<LineDisposition>>(path)).toEqual({ items: [] })
    world.clock.moveTo('2026-10-21T00:00:00Z' as Instant)
    const beyond = Buffer.from('batch 1').toString('base64url')
    expect(await get<Page<BatchSummary>>(`/v1/usage-batches?cursor=${beyond}`)).toEqual({ items: [] })
  })
})
