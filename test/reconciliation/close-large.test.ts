import { expect, test } from 'vitest'
import { nextPeriod } from '../../functions/kernel/calendar.ts'
import { finalsOf, finalsWriter } from '../../functions/reconciliation/finals.ts'
import { freezeHistory } from '../../functions/reconciliation/freeze-history.ts'
import { frozenHistory } from '../../functions/reconciliation/history.ts'
import { countsOf, reconcilePeriod } from '../../functions/reconciliation/reconcile.ts'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import { cutUsage } from '../../functions/usage/cut.ts'
import { eachLine } from '../../functions/usage/read.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { LineOutcome } from '../../schemas/disposition.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { seeded } from '../settlement/generated-month.ts'
import { entryOf, sourceOf } from '../support/history-source.ts'
import { freshTable } from '../support/table.ts'
import { ndjson, receiveNeeds } from '../usage/support.ts'
import {
  finalsOf as byLine,
  contract,
  entitlement,
  entitlementId,
  event,
  october,
  programme,
  reversal,
  subjectOf,
} from './support.ts'
import { totalsOf } from './usage-sums.ts'

/** 30,000 lines of October in 30 batches and of November in 10, judged in a stream and, for comparison, all at once. */
const seed = 20_261_005
const members = 400
const linesOfBatch = 750
const november = nextPeriod(october)

const quotas = [undefined, { per: 'P1M', limit: 30, rollover: true }, { per: 'P1D', limit: 2, rollover: false }]
const entries = Array.from({ length: members }, (_, at) =>
  entryOf(
    entitlement(at + 1, {
      quota: quotas[at % 3],
      ...(at % 50 === 0 && { programme: 'other', benefit: 'other' }),
      ...(at % 41 === 0 && { windows: [{ from: '2026-10-10T00:00:00Z', until: '2026-10-25T00:00:00Z' }] }),
    }),
  ),
)
const source = sourceOf(entries)

/** Mostly uses of the month, of both months in the later batches; every tenth line is something else. */
function batches(): (object | string)[][] {
  const draw = seeded(seed)
  const pick = (below: number) => Math.floor(draw() * below)
  const sent: (object & { id: string; entitlementId: string; subject: string })[] = []
  const at = (month: string) =>
    `2026-${month}-${String(1 + pick(20)).padStart(2, '0')}T${String(pick(24)).padStart(2, '0')}:${String(pick(60)).padStart(2, '0')}:00Z`
  return Array.from({ length: 40 }, (_, batch) =>
    Array.from({ length: linesOfBatch }, (_, line): object | string => {
      const month = batch < 30 || draw() < 0.1 ? '10' : '11'
      const number = 1 + pick(members)
      const id = `e-${batch}-${line}`
      const use = event(id, {
        entitlementId: entitlementId(number),
        subject: subjectOf(number),
        ...((number - 1) % 50 === 0 && { benefit: 'other' }),
        occurredAt: at(month),
        quantity: 1 + pick(2),
        ...(draw() < 0.5 && { amount: { amountMinor: pick(10_000), currency: draw() < 0.97 ? 'CNY' : 'USD' } }),
      })
      const before = sent[pick(sent.length)]
      const kind = pick(100)
      if (kind < 2) return '{"id"'
      if (kind < 4 && before) return before
      if (kind < 5 && before) return { ...before, quantity: 7 }
      if (kind < 6) return { ...use, entitlementId: entitlementId(9_999) }
      if (kind < 7) return { ...use, subject: 'nobody' }
      if (kind < 10 && before) {
        const { entitlementId: of, subject } = before
        return reversal(id, before.id, {
          ...before,
          id,
          entitlementId: of,
          subject,
          type: 'reversal',
          reverses: before.id,
        })
      }
      sent.push(use)
      return use
    }),
  )
}

test(`30,000 lines in 40 batches are closed as they are when all are judged at once (seed ${seed})`, {
  timeout: 180_000,
}, async () => {
  const { table } = await freshTable()
  const { needs, clock } = receiveNeeds(table)
  const all = batches()
  const report = async (at: Instant, some: typeof all) => {
    clock.at = at
    for (const events of some)
      await receiveBatch(needs, { partner: 'eleme', body: ndjson(...events), mediaType: 'application/x-ndjson' })
  }
  const closed: { period: Period; identity: string }[] = []
  const closedPeriods = async () => closed
  const contracts = [contract()]
  const finals: LineOutcome[] = []

  async function closeAndCompare(period: Period, identity: string) {
    const close = { programme: '88vip', period }
    const cuts = await cutUsage({ table }, { ...close, partners: ['eleme'] })
    const hash = await freezeHistory({ table }, { ...close, partners: ['eleme'], source })
    const history = await frozenHistory({ table }, { ...close, hash })
    const writer = finalsWriter({ table }, { ...close, identity })
    const inputs = { programme, period, cuts, history, contracts }
    const usage = await reconcilePeriod({ table, closedPeriods }, inputs, writer.add)
    await writer.end()

    const lines = await Array.fromAsync(eachLine({ table }, { partner: 'eleme', upTo: cuts[0]?.sequence ?? 0 }))
    const openFrom = closed.at(-1) ? period : programme.firstPeriod
    const expected = reconcileLines(lines, {
      entitlements: new Map(entries.map(entry => [entry.id as string, entry])),
      contracts,
      programmes: [{ ...programme, openFrom }],
      finals: byLine(finals),
      through: period,
    }).filter(outcome => outcome.period === period)
    expect(await Array.fromAsync(finalsOf({ table }, { ...close, identity }))).toEqual(expected)
    expect(usage.dispositions).toEqual(countsOf(expected))
    expect(usage.totals).toEqual(
      await totalsOf({ period, contracts, entitlements: entries, outcomes: expected, earlier: finals }),
    )
    finals.push(...expected)
    closed.push({ period, identity })
    return usage
  }

  await report('2026-10-31T00:00:00Z' as Instant, all.slice(0, 30))
  const first = await closeAndCompare(october, 'a'.repeat(64))
  expect(Object.keys(first.dispositions).length).toBeGreaterThan(6)
  await report('2026-11-30T00:00:00Z' as Instant, all.slice(30))
  const second = await closeAndCompare(november, 'b'.repeat(64))
  expect(second.totals.map(({ originPeriod }) => originPeriod)).toEqual([october, november])
})
