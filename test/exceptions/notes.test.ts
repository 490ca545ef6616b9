import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Finding, noteExceptions } from '../../functions/exceptions/note-exceptions.ts'
import type { BatchId } from '../../schemas/ids.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { UsageEvent } from '../../schemas/usage.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld } from './world.ts'

let world: ExceptionWorld
let sequence = 0
let batch: BatchId

beforeAll(async () => {
  world = await exceptionWorld()
})

/** A batch of 60 lines that all match, of which the tests say otherwise. */
beforeEach(async () => {
  sequence++
  const events = Array.from({ length: 60 }, (_, index) => ({ id: `b${sequence}-${index + 1}` }))
  batch = (await world.report('youku', events)).id
})

const finding = (line: number, more: Partial<Finding> = {}): Finding => ({
  line,
  disposition: 'no-contract',
  programme: '88vip',
  period: '2026-10' as Period,
  final: false,
  event: UsageEvent.parse({ ...world.youku, id: `b${sequence}-${line}`, occurredAt: '2026-10-10T04:00:00Z' }),
  ...more,
})
const lines = (from: number, to: number, more: Partial<Finding> = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => finding(from + index, more))
const note = (findings: Finding[], upTo = sequence) =>
  noteExceptions(world.services, {
    partner: 'youku',
    batch,
    sequence,
    receivedAt: '2026-10-20T02:00:00Z' as Instant,
    upTo,
    findings,
  })
const ofBatch = async () => {
  const all = (await world.list('youku', '?limit=100')).filter(one => one.sequence === sequence)
  return all.map(({ reason, count, state }) => [reason, count, state])
}
const first = async () => {
  const [one] = (await world.list('youku', '?limit=100')).filter(item => item.sequence === sequence)
  if (!one) throw new Error('the batch has no exception')
  return one
}

describe('grouping', () => {
  test('twenty lines of one cause are twenty exceptions, twenty-one are one', async () => {
    await note(lines(1, 20))
    expect(await ofBatch()).toEqual(Array(20).fill(['no-contract', 1, 'open']))
    await note(lines(1, 21))
    expect(await ofBatch()).toEqual([['no-contract', 21, 'open']])
    const one = await first()
    expect(one.lines).toHaveLength(20)
    const { items } = await bodyOf<{ items: unknown[] }>(
      await world.call('alibaba', 'GET', `/v1/exceptions/${one.id}/lines`),
    )
    expect(items).toHaveLength(21)
  })

  test('other causes, reasons and periods have exceptions of their own', async () => {
    const usd = (one: Finding): Finding => ({
      ...one,
      disposition: 'currency-mismatch',
      event: { ...(one.event as UsageEvent), amount: { amountMinor: 1, currency: one.line % 2 ? 'USD' : 'EUR' } },
    })
    await note([...lines(1, 24).map(usd), ...lines(25, 40, { period: '2026-11' as Period })])
    expect(await ofBatch()).toEqual([
      ...Array(24).fill(['currency-mismatch', 1, 'open']),
      ...Array(16).fill(['no-contract', 1, 'open']),
    ])
  })

  test('names 1,000 causes one by one and no more', async () => {
    const many = (count: number) => {
      const strange = (line: number) =>
        finding(line, { event: { ...(finding(1).event as UsageEvent), entitlementId: `strange-${line}` } })
      return Array.from({ length: count }, (_, index) => ({
        ...strange(index + 1),
        disposition: 'wrong-subject' as const,
      }))
    }
    await note(many(1001))
    expect(await ofBatch()).toEqual([['wrong-subject', 1001, 'open']])
  })
})

describe('reconciling again', () => {
  test('the same findings change nothing, whatever their order', async () => {
    const findings = [...lines(1, 3), ...lines(4, 30, { disposition: 'future' })]
    await note(findings)
    const before = await world.list('youku', '?limit=100')
    await note(findings.toReversed())
    expect(await world.list('youku', '?limit=100')).toEqual(before)
  })

  test('what nobody touched follows: another reason, or none', async () => {
    await note(lines(1, 2))
    const { id, openedAt } = await first()
    await note([finding(1, { disposition: 'over-quota' })])
    expect(await ofBatch()).toEqual([['over-quota', 1, 'open']])
    expect((await world.list('youku', '?reason=over-quota')).map(one => [one.id, one.openedAt])).toContainEqual([
      id,
      openedAt,
    ])
    await note([])
    expect(await ofBatch()).toEqual([])
  })

  test('what somebody touched keeps its reason and gets a note, once', async () => {
    await note(lines(1, 30))
    const one = await first()
    await bodyOf(await world.act('alibaba', one, 'assign', { assignee: 'mei' }))
    const findings = [...lines(1, 10, { disposition: 'over-quota' }), ...lines(31, 40)]
    await note(findings)
    await note(findings)
    const after = await world.view('alibaba', one)
    expect(after).toMatchObject({ reason: 'no-contract', count: 30, state: 'assigned' })
    expect(after.audit.slice(2).map(({ actor, action, note: text }) => [actor, action, text])).toEqual([
      ['reconciliation', 'changed', '10 of 30 lines: over-quota'],
    ])
    // Its lines are its own: only the others have new exceptions.
    expect(await ofBatch()).toEqual([...Array(10).fill(['no-contract', 1, 'open']), ['no-contract', 30, 'assigned']])
  })

  test('a second group of a touched one’s cause is another exception', async () => {
    await note(lines(1, 21))
    const one = await first()
    await bodyOf(await world.act('youku', one, 'dispute', { reason: 'there is a contract' }))
    await note(lines(1, 60))
    await note(lines(1, 60))
    const counts = (await ofBatch()).map(([, count]) => Number(count))
    expect(counts.sort((a, b) => a - b)).toEqual([21, 39])
  })

  test('a touched one that is none any more is resolved as cleared', async () => {
    await note(lines(1, 1))
    const one = await first()
    await bodyOf(await world.act('alibaba', one, 'assign', { assignee: 'mei' }))
    await note([])
    await note([])
    const after = await world.view('youku', one)
    expect(after).toMatchObject({ state: 'resolved', resolution: { outcome: 'cleared', actor: 'reconciliation' } })
    expect(after.audit.map(({ action }) => action)).toEqual(['opened', 'assigned', 'cleared'])
    // Nobody decided it: should the line be exceptional again, somebody must.
    await note(lines(1, 1))
    await note(lines(1, 1))
    const again = await world.view('alibaba', one)
    expect(again).toMatchObject({ state: 'open', assignee: 'mei' })
    expect(again.resolution).toBeUndefined()
    expect(again.audit.map(({ action }) => action).slice(2)).toEqual(['cleared', 'reopened'])
  })

  test('what a close made final stays', async () => {
    await note(lines(1, 2, { final: true }))
    const before = await ofBatch()
    await note([])
    expect(await ofBatch()).toEqual(before)
    expect((await first()).final).toBe(true)
  })

  test('an older run that comes late is passed over', async () => {
    await note(lines(1, 2), sequence + 1)
    await note(lines(1, 30), sequence)
    expect(await ofBatch()).toEqual(Array(2).fill(['no-contract', 1, 'open']))
  })

  test('rival runs and people leave every line with one exception', async () => {
    await note(lines(1, 30))
    const one = await first()
    await Promise.all([
      note(lines(1, 10)),
      note(lines(5, 40)),
      world.act('alibaba', one, 'assign', { assignee: 'mei' }),
      note(lines(1, 30, { disposition: 'future' })),
    ])
    await note(lines(1, 40))
    const all = (await world.list('youku', '?limit=100')).filter(item => item.sequence === sequence)
    const held: number[] = []
    for (const { id } of all) {
      const path = `/v1/exceptions/${id}/lines?limit=1000`
      const { items } = await bodyOf<{ items: { line: number }[] }>(await world.call('youku', 'GET', path))
      held.push(...items.map(({ line }) => line))
    }
    expect(held.sort((a, b) => a - b)).toEqual(lines(1, 40).map(({ line }) => line))
  })
})
