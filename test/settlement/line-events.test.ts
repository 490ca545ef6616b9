import { describe, expect, test } from 'vitest'
import { acceptanceWrites, acceptedIn } from '../../functions/exceptions/accepted.ts'
import { eachLineEvent, lineEvents, lineOf } from '../../functions/settlement/line-events.ts'
import { eachLine } from '../../functions/usage/read.ts'
import { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import type { StatementEvent } from '../../schemas/statement-event.ts'
import { seeded } from './generated-month.ts'
import { close, closingOf, newWorld, report, reportNovember, reportOctober, statementsOf, type Use } from './world.ts'

type World = Awaited<ReturnType<typeof newWorld>>
const months = ['2026-10', '2026-11', '2026-12'] as Period[]
const ends = ['2026-11-01T00:00:00Z', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z']
const id = (prefix: string, number: number) => `${prefix}_${String(number).padStart(26, '0')}`
const padded = (number: number) => String(number).padStart(2, '0')

const sum = (events: StatementEvent[], of: (event: StatementEvent) => number) =>
  events.reduce((total, event) => total + of(event), 0)

/** The events of every line of a month's statements, whose sums are those of the line. */
async function checkMonth(world: World, period: Period, place: string): Promise<StatementEvent[]> {
  const all: StatementEvent[] = []
  for (const statement of await statementsOf(world.table, period))
    for (const line of statement.lines) {
      const events = await Array.fromAsync(eachLineEvent(world, { statement, line }))
      all.push(...events)
      expectSums(line, events, `${place} ${statement.debtor} to ${statement.creditor}, ${line.id}`)
      if (period === months.at(-1)) expect(await paged(world, statement, line, 5), place).toEqual(events)
    }
  return all
}

function expectSums(
  { model, quantity, amountBaseMinor, amountMinor }: StatementLine,
  events: StatementEvent[],
  at: string,
) {
  const amounts = sum(events, event => event.amountMinor ?? 0)
  if (['per-entitled-member', 'flat', 'minimum-top-up', 'maximum-cut'].includes(model)) expect(events, at).toEqual([])
  else
    expect(
      sum(events, event => event.quantity),
      at,
    ).toBe(quantity)
  if (model === 'revenue-share') expect(amounts, at).toBe(amountBaseMinor)
  if (model === 'adjustment') expect(amounts, at).toBe(amountMinor)
}

async function paged(
  world: World,
  statement: Statement,
  line: StatementLine,
  limit: number,
): Promise<StatementEvent[]> {
  const items: StatementEvent[] = []
  let cursor: string | undefined
  do {
    const page = await lineEvents(world, { statement, line }, { limit, cursor })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  return items
}

const findLine = async (world: World, period: Period, line: string) => {
  const statements = await statementsOf(world.table, period)
  const statement = statements.find(({ lines }) => lines.some(one => one.id === line))
  if (!statement) throw new Error(`no line ${line} in ${period}`)
  return { statement, line: lineOf(statement, line) }
}

describe('the events behind a line', () => {
  test('are those that the partner reported, in their batches, without the member', async () => {
    const world = await newWorld()
    await reportOctober(world)
    await reportNovember(world)
    world.moveTo(ends[1] ?? '')
    for (const period of ['2026-10', '2026-11'] as Period[]) await close(world, period)
    const own = await findLine(world, '2026-10' as Period, 'youku-2026:views:2026-10')
    const events = await Array.fromAsync(eachLineEvent(world, own))
    expect(events.map(({ event, quantity, sequence, line }) => [event, quantity, sequence, line])).toEqual([
      ['y1', 2, 1, 1],
      ['y2', 1, 1, 2],
      ['y3', 2, 1, 3],
      ['y4', 1, 2, 1],
    ])
    const stored = await Array.fromAsync(eachLine(world, { partner: 'youku' }))
    for (const { event, sequence, line, entitlementId, occurredAt } of events) {
      const [found] = stored.filter(one => one.sequence === sequence && one.line === line)
      expect(found?.event).toMatchObject({ id: event, entitlementId, occurredAt })
    }
    expect(new Set(events.map(({ batch }) => batch)).size).toBe(2)
    expect(JSON.stringify(events)).not.toContain('sub_')
  })

  test('of a late line are what its close added', async () => {
    const world = await newWorld()
    await reportOctober(world)
    world.moveTo(ends[0] ?? '')
    await close(world, '2026-10' as Period)
    await reportNovember(world)
    world.moveTo('2026-11-12T00:00:00Z')
    await report(world, 'youku', [{ id: 'r3', entitlement: 2, at: '2026-11-11T04:00:00Z', reverses: 'y3' }])
    world.moveTo(ends[1] ?? '')
    await close(world, '2026-11' as Period)
    const late = await findLine(world, '2026-11' as Period, 'youku-2026:views:2026-10')
    const events = await Array.fromAsync(eachLineEvent(world, late))
    expect(events.map(({ event, type, quantity }) => [event, type, quantity])).toEqual([
      ['y4', 'use', 1],
      ['r3', 'reversal', -2],
    ])
    expect(late.line.quantity).toBe(-1)
  })

  test('refuses a line that the statement does not have, and cursors that no page gave', async () => {
    const world = await newWorld()
    await reportOctober(world)
    world.moveTo(ends[0] ?? '')
    await close(world, '2026-10' as Period)
    const of = await findLine(world, '2026-10' as Period, 'youku-2026:views:2026-10')
    for (const line of ['', 'youku-2026:views:2026-09', '__proto__', 'x'.repeat(5000)])
      expect(() => lineOf(of.statement, line)).toThrow(expect.objectContaining({ code: 'line-not-found' }))
    const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    for (const cursor of [
      '',
      '%',
      'x',
      ...[null, [], {}, ['youku', 0, 1], ['youku', 1], [0], [-1], ['A', 1, 1]].map(encoded),
    ])
      await expect(lineEvents(world, of, { limit: 1, cursor }), cursor).rejects.toMatchObject({
        code: 'invalid-request',
      })
    // Places beyond the end of the list are places.
    for (const cursor of [['youku', 9, 9], ['zzz', 1, 1], [99]].map(encoded))
      expect(await lineEvents(world, of, { limit: 1, cursor })).toEqual({ items: [] })
  })
})

/** Three months with uses of their own, late ones, reversals and uncertain lines that somebody decided. */
async function livedMonths(seed: number) {
  const draw = seeded(seed)
  const pick = (most: number) => Math.floor(draw() * most)
  const world = await newWorld()
  const told = new Map<string, { use: Use; partner: string; sequence: number; line: number }>()
  const batches: Record<string, number> = { youku: 0, eleme: 0 }
  world.acceptedIn = (programme, period) => acceptedIn(world, programme, period)
  const found: StatementEvent[] = []
  for (const [month, period] of months.entries()) {
    for (let batch = 0; batch < 4; batch++) {
      const partner = batch % 2 === 0 ? 'youku' : 'eleme'
      const sequence = (batches[partner] ?? 0) + 1
      batches[partner] = sequence
      world.moveTo(`2026-${10 + month}-${10 + 5 * batch}T00:00:00Z`)
      const uses = Array.from({ length: 6 + pick(6) }, (_, at) => {
        const line = at + 1
        const earlier = [...told.values()].filter(one => one.partner === partner && !one.use.reverses)
        const one = earlier[pick(earlier.length)]
        const use =
          one && draw() < 0.2 ? reversalOf(one.use, `r${seed}-${told.size}`, world.now()) : useOf(partner, month)
        told.set(use.id, { use, partner, sequence, line })
        return use
      })
      await report(world, partner, uses)
    }
    for (let number = 0; number < 4; number++) await decide(period, number)
    world.moveTo(ends[month] ?? '')
    await close(world, period)
  }
  for (const period of months) found.push(...(await checkMonth(world, period, `seed ${seed}, ${period}:`)))
  return found

  function useOf(partner: string, month: number): Use {
    const entitlement = partner === 'youku' ? 1 + pick(3) : 4 + pick(2)
    const happened = Math.max(0, month - pick(2))
    const at = `2026-${10 + happened}-${padded(1 + pick(9))}T0${pick(9)}:00:00Z`
    // Some of before anybody was entitled: they match nothing unless somebody accepts them.
    const use = { id: `e${seed}-${told.size}`, entitlement, at: draw() < 0.15 ? '2026-09-29T00:00:00Z' : at }
    return partner === 'youku' ? { ...use, quantity: 1 + pick(3) } : { ...use, amountMinor: pick(5000) }
  }

  async function decide(period: Period, number: number): Promise<void> {
    const all = [...told.values()].filter(({ use }) => !use.reverses)
    const one = all[pick(all.length)]
    if (!one) return
    const { use, partner, sequence, line } = one
    const outcome = draw() < 0.5 ? 'accepted' : 'adjusted'
    const originPeriod = use.at < '2026-10' ? months[0] : (use.at.slice(0, 7) as Period)
    const decided = AcceptedUse.parse({
      exception: id('exc', months.indexOf(period) * 100 + number),
      partner,
      sequence,
      line,
      outcome,
      ...(draw() < 0.7 && { events: [use.id] }),
      ...(outcome === 'adjusted' && { amountMinor: pick(900) }),
      matched: {
        entitlement: id('ent', use.entitlement),
        benefit: partner === 'youku' ? 'youku-vip' : 'eleme-5off',
        subject: id('sub', use.entitlement),
        plan: 'annual',
        type: 'use',
        occurredAt: use.at,
        originPeriod,
        quantity: use.quantity ?? 1,
        ...(use.amountMinor !== undefined && { amountMinor: use.amountMinor }),
        day: use.at.slice(0, 10),
        contracts: [`${partner}-2026`],
      },
    })
    const { writes } = await acceptanceWrites(world, closingOf(period), () => [decided])
    await world.table.commit(writes)
  }
}

const reversalOf = ({ id: reverses, entitlement, quantity, amountMinor }: Use, event: string, at: string): Use => ({
  id: event,
  entitlement,
  at: at.replace(/T.*/, 'T00:00:00Z'),
  reverses,
  ...(quantity !== undefined && { quantity }),
  ...(amountMinor !== undefined && { amountMinor }),
})

test.each([1, 2, 3])('of three generated months add up to their lines, page by page (seed %i)', async seed => {
  const events = await livedMonths(seed)
  expect(events.some(({ type }) => type === 'reversal')).toBe(true)
  expect(events.some(({ exception }) => exception !== undefined)).toBe(true)
})
