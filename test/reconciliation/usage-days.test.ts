import { beforeEach, describe, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { batchDispositions } from '../../functions/reconciliation/batch-view.ts'
import { judgedChain } from '../../functions/reconciliation/judged-chain.ts'
import type { JudgedLine } from '../../functions/reconciliation/judged-lines.ts'
import { periodLines, usageDays, viewUsagePeriod } from '../../functions/reconciliation/period-view.ts'
import { reconcileBatch } from '../../functions/reconciliation/provisional.ts'
import { type DaySum, dayKey, daySums, daysOfProgrammes } from '../../functions/reconciliation/usage-days.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import type { PeriodLine } from '../../schemas/usage-view.ts'
import { drawFrom } from '../simulation/draw.ts'
import { freshTable } from '../support/table.ts'
import { ndjson, receiveNeeds } from '../usage/support.ts'
import { contract, entitlement, entitlementId, subjectOf } from './support.ts'
import { asLong, viewNeeds } from './view-needs.ts'

const zones = { berlin: 'Europe/Berlin', shanghai: 'Asia/Shanghai', 'st-johns': 'America/St_Johns' }
const programmes = Object.entries(zones).map(([id, timeZone]) => ({
  id,
  timeZone,
  firstPeriod: '2026-01' as Period,
}))
const people = programmes.flatMap(({ id, timeZone }, index) =>
  [0, 1].map(which => {
    const quota = which === 0 ? { quota: { per: 'P1M', limit: 25, rollover: true } } : {}
    const windows = [{ from: '2025-12-01T00:00:00Z', until: '2027-01-01T00:00:00Z' }]
    return entitlement(index * 2 + which, { programme: id, benefit: `benefit-${which}`, timeZone, windows, ...quota })
  }),
)
const contracts = programmes.map(({ id }) =>
  contract({
    id: `of-${id}`,
    programme: id,
    lines: [
      { id: 'uses', model: 'per-use', benefit: 'benefit-0', unitPrice: '1' },
      { id: 'other', model: 'per-use', benefit: 'benefit-1', unitPrice: '1' },
    ],
  }),
)
/** Where days and months part in some of the zones: months' ends, and both changes of the clocks in Europe. */
const seams = [
  '2026-02-28T16:00:00Z',
  '2026-03-01T03:30:00Z',
  '2026-03-29T01:00:00Z',
  '2026-03-31T22:00:00Z',
  '2026-03-31T16:00:00Z',
  '2026-04-01T02:30:00Z',
  '2026-10-25T01:00:00Z',
  '2026-10-31T23:00:00Z',
  '2026-10-31T16:00:00Z',
  '2026-11-01T02:30:00Z',
].map(at => Date.parse(at))

let table: Table
beforeEach(async () => {
  ;({ table } = await freshTable())
})

const partner = 'eleme'
const key = (line: PeriodLine) =>
  dayKey({ ...line, ...(line.amount && { currency: line.amount.currency }) } as Parameters<typeof dayKey>[0])

/** Details summed up as anybody would. */
function summed(lines: readonly PeriodLine[]): Map<string, [number, bigint, bigint]> {
  const sums = new Map<string, [number, bigint, bigint]>()
  for (const line of lines) {
    const [count, quantity, amount] = sums.get(key(line)) ?? [0, 0n, 0n]
    const sum = BigInt(line.amount?.amountMinor ?? 0)
    sums.set(key(line), [count + 1, quantity + BigInt(line.quantity), amount + sum])
  }
  return sums
}
const asMap = (days: readonly DaySum[]) =>
  new Map(days.map(day => [dayKey(day), [day.lines, day.quantity, day.amountMinor]]))
/** As another calendar has it. */
const dayIn = (instant: string, timeZone: string) =>
  new Intl.DateTimeFormat('en-CA', { timeZone }).format(new Date(instant))

async function allPages<Item>(page: (cursor?: string) => Promise<{ items: Item[]; next?: string }>): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | undefined
  do {
    const { items: own, next } = await page(cursor)
    items.push(...own)
    cursor = next
  } while (cursor !== undefined)
  return items
}

describe('the daily summary', () => {
  const seeds = [1, Date.now() % 1_000_000]
  test.each(seeds)(
    'has the sums of the details, in every zone and however it is read (seed %i)',
    async seed => {
      const draw = drawFrom(seed)
      const receiving = receiveNeeds(table)
      const needs = viewNeeds({ table, entitlements: people, contracts, programmes, now: '2026-12-01T00:00:00Z' }).needs
      const reported: string[] = []
      const anEvent = (id: string) => {
        const number = draw.below(7)
        const isReversal = reported.length > 3 && draw.chance(0.15)
        return {
          id: draw.chance(0.05) ? draw.pick([...reported, id]) : id,
          entitlementId: entitlementId(number),
          benefit: `benefit-${draw.chance(0.05) ? 7 : number % 2}`,
          subject: subjectOf(number),
          occurredAt: new Date(draw.pick(seams) + (draw.below(7_200) - 3_600) * 1_000).toISOString(),
          ...(isReversal ? { type: 'reversal', reverses: draw.pick(reported) } : { quantity: 1 + draw.below(4) }),
          ...(draw.chance(0.6) &&
            !isReversal && { amount: { amountMinor: draw.below(1e9), currency: draw.chance(0.9) ? 'CNY' : 'EUR' } }),
        }
      }
      let lines = 0
      for (const receivedAt of ['2026-03-01T12:00:00Z', '2026-04-02T00:00:00Z', '2026-11-02T00:00:00Z']) {
        receiving.clock.at = receivedAt as Instant
        for (let batch = 0; batch < 2; batch++) {
          const events = Array.from({ length: 40 + draw.below(40) }, (_, at) => {
            if (draw.chance(0.03)) return 'no event'
            const event = anEvent(`e-${receivedAt}-${batch}-${at}`)
            reported.push(event.id)
            return event
          })
          lines += events.length
          const needed = { ...receiving.needs, oldestOpenPeriods: async () => ({}) }
          await receiveBatch(needed, { partner, body: ndjson(...events), mediaType: 'application/x-ndjson' })
        }
      }
      await reconcileBatch(needs, { partner })
      let accounted = 0
      const periods = ['2026-02', '2026-03', '2026-04', '2026-05', '2026-10', '2026-11'] as Period[]
      for (const period of periods) {
        const asked = { partner, period }
        const days = await allPages(cursor => usageDays(needs, { ...asked, limit: 50, cursor }))
        const details = await allPages(cursor => periodLines(needs, { ...asked, limit: 100, cursor }))
        expect(asMap(days)).toEqual(summed(details))
        for (const { day, occurredAt, programme } of details)
          expect(day).toBe(dayIn(occurredAt, zones[programme as keyof typeof zones]))
        const stored = asLong(needs)
        expect(await allPages(cursor => usageDays(stored, { ...asked, limit: 29, cursor }))).toEqual(days)
        expect(await allPages(cursor => periodLines(stored, { ...asked, limit: 37, cursor }))).toEqual(details)
        const view = await viewUsagePeriod(needs, asked)
        expect(await viewUsagePeriod(stored, asked)).toEqual(view)
        for (const { programme, dispositions, quantity } of view.programmes) {
          const own = details.filter(line => line.programme === programme)
          const matched = own.filter(({ disposition }) => disposition === 'matched')
          expect(Object.values(dispositions).reduce((sum, count) => sum + count, 0)).toBe(own.length)
          expect(quantity).toBe(matched.reduce((sum, line) => sum + line.quantity, 0))
          for (const disposition of ['matched', 'over-quota'] as const) {
            const filtered = { ...asked, programme, disposition, limit: 40 }
            expect(await allPages(cursor => periodLines(stored, { ...filtered, cursor }))).toEqual(
              own.filter(line => line.disposition === disposition),
            )
          }
        }
        accounted += details.length
      }
      // All others belong to no programme.
      const all = await linesOf(asLong(needs))
      const strangers = all.filter(({ programme }) => programme === undefined)
      expect(all).toHaveLength(lines)
      expect(accounted + strangers.length).toBe(lines)
      expect(accounted).toBeGreaterThan(lines / 2)
    },
    60_000,
  )

  async function linesOf(needs: ReturnType<typeof viewNeeds>['needs']) {
    const chain = await judgedChain(needs, { partner })
    const lines: JudgedLine[] = []
    for await (const batch of chain.batches({ from: 1, upTo: chain.upTo })) lines.push(...(await batch.lines()))
    return lines
  }

  test('tells days apart where the clocks change', () => {
    const dayOf = daysOfProgrammes(programmes)
    const day = (programme: string, occurredAt: string) =>
      dayOf({ programme, event: { occurredAt } as never }) as Day | undefined
    expect([
      day('berlin', '2026-03-28T22:59:59Z'),
      day('berlin', '2026-03-28T23:00:00Z'),
      day('berlin', '2026-03-29T21:59:59Z'),
      day('berlin', '2026-03-29T22:00:00Z'),
      day('berlin', '2026-10-25T22:59:59Z'),
      day('berlin', '2026-10-25T23:00:00Z'),
    ]).toEqual(['2026-03-28', '2026-03-29', '2026-03-29', '2026-03-30', '2026-10-25', '2026-10-26'])
    expect([
      day('st-johns', '2026-11-01T02:29:59Z'),
      day('st-johns', '2026-11-01T02:30:00Z'),
      day('shanghai', '2026-10-31T15:59:59Z'),
      day('shanghai', '2026-10-31T16:00:00Z'),
    ]).toEqual(['2026-10-31', '2026-11-01', '2026-10-31', '2026-11-01'])
    expect(day('unknown', '2026-10-31T16:00:00Z')).toBeUndefined()
  })

  test('has no more rows than it may, and still every line once', () => {
    const sums = daySums(daysOfProgrammes(programmes), { rows: 5 })
    for (let number = 0; number < 100; number++)
      sums.add({
        programme: 'berlin',
        period: '2026-10' as Period,
        disposition: 'too-late',
        quantity: 2,
        event: { benefit: `b-${number}`, occurredAt: '2026-10-10T00:00:00Z' },
      } as Parameters<typeof sums.add>[0])
    const rows = sums.of('2026-10' as Period)
    expect(rows).toHaveLength(6)
    expect(rows[0]).toEqual({
      programme: 'berlin',
      disposition: 'too-late',
      lines: 95,
      quantity: 190n,
      amountMinor: 0n,
    })
    expect(rows.reduce((sum, { lines }) => sum + lines, 0)).toBe(100)
  })
})

test('the dispositions of batches are the same lines', async () => {
  const receiving = receiveNeeds(table, '2026-10-20T00:00:00Z')
  const events = Array.from({ length: 30 }, (_, at) => ({
    id: `e-${at}`,
    entitlementId: entitlementId(3),
    benefit: 'benefit-1',
    subject: subjectOf(3),
    occurredAt: '2026-10-19T23:00:00Z',
  }))
  const { id } = await receiveBatch(receiving.needs, {
    partner,
    body: ndjson(...events),
    mediaType: 'application/x-ndjson',
  })
  const { needs } = viewNeeds({ table, entitlements: people, contracts, programmes })
  const lines = await allPages(cursor => batchDispositions(needs, { partner, id, limit: 4, cursor }))
  const details = await allPages(cursor =>
    periodLines(needs, { partner, period: '2026-10' as Period, limit: 8, cursor }),
  )
  expect(details.map(({ line, id: event }) => [line, event])).toEqual(lines.map(({ line, id: event }) => [line, event]))
})
