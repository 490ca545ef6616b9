import { describe, expect, test } from 'vitest'
import { acceptanceWrites, acceptedIn } from '../../functions/exceptions/accepted.ts'
import { Conflict } from '../../functions/kernel/table.ts'
import { contracts } from '../../functions/local/demo.ts'
import { requestClose } from '../../functions/settlement/close.ts'
import { findClosingInputs } from '../../functions/settlement/inputs.ts'
import { AcceptedUse } from '../../schemas/disposition.ts'
import type { UsageException } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Preview, Statement } from '../../schemas/settlement.ts'
import { newWorld } from '../settlement/world.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld, refusalOf } from './world.ts'

const accepted = { outcome: 'accepted', reason: 'we let it count' }
const october = '2026-10' as Period
const november = '2026-11' as Period
const coupon = { amount: { amountMinor: 4200, currency: 'CNY' } }

/** Five coupons of which the quota covers four. */
const fiveCoupons = ({ report }: ExceptionWorld) =>
  report(
    'eleme',
    [1, 2, 3, 4, 5].map(number => ({ id: `coupon-${number}`, ...coupon })),
  )

async function previewed({ call }: ExceptionWorld, period: string, creditor: string): Promise<Statement> {
  const answer = await call('alibaba', 'POST', `/v1/programmes/88vip/periods/${period}/preview`, {})
  const found = (await bodyOf<Preview>(answer)).statements.find(statement => statement.creditor === creditor)
  if (!found) throw new Error(`no statement for ${creditor}`)
  return found
}
const amounts = (statement: Statement | undefined) =>
  statement?.lines.map(({ line, model, originPeriod, quantity, amountMinor }) => [
    line,
    model,
    originPeriod,
    quantity,
    amountMinor,
  ])

/** Whole closes, of every step: a starved machine takes its time for them. */
const patience = 120_000

describe('accepting', { timeout: patience }, () => {
  test('bills the line as if it had matched, once, in the close of the month', async () => {
    const world = await exceptionWorld()
    await fiveCoupons(world)
    const one = await world.only('alibaba')
    const before = await previewed(world, october, 'eleme')
    const done = await bodyOf<UsageException>(await world.act('alibaba', one, 'resolve', accepted))
    expect(done.resolution).toMatchObject({ outcome: 'accepted', billedIn: october })
    expect(await bodyOf(await world.act('alibaba', one, 'resolve', accepted))).toEqual(done)
    expect(await acceptedIn(world.services, '88vip', october)).toHaveLength(1)

    world.moveTo('2026-11-02T00:00:00Z')
    const statement = await world.close(october, 'eleme')
    // One coupon of 5.00, of which alibaba bears 60 %, and 8 % of 42.00.
    expect(statement.subtotalMinor - before.subtotalMinor).toBe(300 + 336)
    await world.reconcile('eleme')
    expect(await world.view('eleme', one)).toMatchObject({ state: 'resolved', final: true })
    const later = await previewed(world, november, 'eleme')
    expect(later.lines.filter(line => line.originPeriod === october)).toEqual([])
  })

  test('of a closed month bills it in the present one, with its origin', async () => {
    const world = await exceptionWorld()
    await fiveCoupons(world)
    world.moveTo('2026-11-02T00:00:00Z')
    await world.close(october, 'eleme')
    await world.reconcile('eleme')
    const one = await world.only('alibaba')
    expect(one.final).toBe(true)
    await bodyOf(await world.act('alibaba', one, 'resolve', accepted))
    world.moveTo('2026-12-02T00:00:00Z')
    const statement = await world.close(november, 'eleme')
    expect(amounts(statement)?.filter(([, , origin]) => origin === october)).toEqual([
      ['share', 'revenue-share', october, 1, 336],
      ['coupon', 'per-use', october, 1, 300],
    ])
  })

  test('a line that matches after all is billed as the match alone', async () => {
    const world = await exceptionWorld()
    const [youku] = contracts
    const apply = (validTo: string) => world.call('alibaba', 'PUT', '/v1/contracts/youku-2026', { ...youku, validTo })
    await bodyOf(await apply('2026-10-08'))
    await world.report('youku', [{ id: 'uncovered' }])
    const one = await world.only('alibaba')
    expect(one).toMatchObject({ reason: 'no-contract', cause: 'benefit youku-vip' })
    expect(one.evidence.contracts).toMatchObject([{ id: 'youku-2026', validTo: '2026-10-08' }])
    expect(await refusalOf(await world.act('alibaba', one, 'resolve', accepted))).toEqual([409, 'not-billable'])
    expect((await world.view('alibaba', one)).state).toBe('open')
    await bodyOf(await apply('2026-12-31'))
    await bodyOf(await world.act('alibaba', one, 'resolve', accepted))
    world.moveTo('2026-11-02T00:00:00Z')
    const statement = await world.close(october, 'youku')
    expect(statement.lines.find(({ line }) => line === 'views')).toMatchObject({ quantity: 1 })
    await world.reconcile('youku')
    expect((await world.view('alibaba', one)).audit.at(-1)).toMatchObject({ action: 'cleared' })
  })

  test('thousands of one cause are one exception, and billed whole', async () => {
    const world = await exceptionWorld()
    const events = Array.from({ length: 5000 }, (_, index) => ({
      id: `early-${index}`,
      occurredAt: '2026-10-04T04:00:00Z',
    }))
    await world.report('youku', [{ id: 'good' }, ...events])
    const one = await world.only('alibaba')
    expect(one).toMatchObject({ count: 5000, quantity: 5000, severity: 'high', reason: 'outside-entitlement' })
    const ids: unknown[] = []
    let next = ''
    do {
      const path = `/v1/exceptions/${one.id}/lines?limit=1000${next && `&cursor=${next}`}`
      const page = await bodyOf<{ items: { id?: string }[]; next?: string }>(await world.call('youku', 'GET', path))
      ids.push(...page.items.map(({ id }) => id))
      next = page.next ?? ''
    } while (next !== '')
    expect(ids).toEqual(events.map(({ id }) => id))
    await bodyOf(await world.act('alibaba', one, 'resolve', accepted))
    const after = await previewed(world, october, 'youku')
    // 100 views at 0.05 and the others at 0.03; and one active member as before.
    expect(amounts(after)?.slice(0, 2)).toEqual([
      ['active', 'per-active-member', october, 5001, 650],
      ['views', 'per-use', october, 5001, 500 + 4901 * 3],
    ])
  })

  test('is refused for what has another currency, which may be adjusted', async () => {
    const world = await exceptionWorld()
    await world.report('eleme', [{ id: 'dollars', amount: { amountMinor: 600, currency: 'USD' } }])
    const one = await world.only('alibaba')
    expect(one).toMatchObject({ reason: 'currency-mismatch', amounts: [{ amountMinor: 600, currency: 'USD' }] })
    expect(await refusalOf(await world.act('alibaba', one, 'resolve', accepted))).toEqual([409, 'not-billable'])
    const before = await previewed(world, october, 'eleme')
    const adjusted = { outcome: 'adjusted', reason: 'at the rate of the day', amountMinor: 4321 }
    const done = await bodyOf<UsageException>(await world.act('alibaba', one, 'resolve', adjusted))
    expect(done.resolution?.amount).toEqual({ amountMinor: 4321, currency: 'CNY' })
    world.moveTo('2026-11-02T00:00:00Z')
    const statement = await world.close(october, 'eleme')
    expect(statement.subtotalMinor - before.subtotalMinor).toBe(4321)
    expect(amounts(statement)?.at(-1)).toEqual(['adjustment', 'adjustment', october, 1, 4321])
    const csv = await (await world.call('eleme', 'GET', `/v1/statements/${statement.id}.csv`)).text()
    expect(csv).toMatch(/,eleme-2026,adjustment,adjustment,,2026-10,1,,,4321,43\.21/)
  })

  test('rivals decide once', async () => {
    const world = await exceptionWorld()
    await fiveCoupons(world)
    const one = await world.only('alibaba')
    const decisions = [accepted, { outcome: 'rejected', reason: 'no' }, { ...accepted, reason: 'another reason' }]
    const answers = await Promise.all(decisions.map(body => world.act('alibaba', one, 'resolve', body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
    const { resolution } = await world.view('alibaba', one)
    expect(await acceptedIn(world.services, '88vip', october)).toHaveLength(resolution?.outcome === 'accepted' ? 1 : 0)
  })
})

describe('acceptances and the cutoff', { timeout: patience }, () => {
  const useIn = (period: Period) =>
    AcceptedUse.parse({
      exception: 'exc_00000000000000000000000001',
      partner: 'youku',
      sequence: 1,
      line: 1,
      outcome: 'accepted',
      matched: {
        entitlement: 'ent_00000000000000000000000001',
        benefit: 'youku-vip',
        subject: 'sub_00000000000000000000000001',
        plan: 'annual',
        type: 'use',
        occurredAt: '2026-10-10T04:00:00Z',
        originPeriod: period,
        quantity: 1,
        day: '2026-10-10',
        contracts: ['youku-2026'],
      },
    })

  /** An acceptance that began in October commits before the given step of the cutoff: read or write. */
  async function interleaved(step: number) {
    const world = await newWorld()
    world.moveTo('2026-11-01T00:00:00Z')
    let steps = 0
    let billedIn: Period | undefined
    const accept = async () => {
      for (;;) {
        const { period, writes } = await acceptanceWrites(world, { programme: '88vip', period: october }, month => [
          useIn(month),
        ])
        try {
          await world.table.commit(writes)
          billedIn = period
          return
        } catch (error) {
          if (!(error instanceof Conflict)) throw error
        }
      }
    }
    const counted = new Proxy(world.table, {
      get(table, name) {
        const own = Reflect.get(table, name) as (...given: unknown[]) => unknown
        if (!['get', 'all', 'write', 'commit', 'query', 'getMany'].includes(String(name))) return own
        return async (...given: unknown[]) => {
          if (steps++ === step) await accept()
          return own(...given)
        }
      },
    })
    const real = (programme: string, period: Period) => acceptedIn({ table: counted }, programme, period)
    const closing = { programme: '88vip', period: october }
    const close = await requestClose({ ...world, table: counted, acceptedIn: real }, closing)
    if (billedIn === undefined) await accept()
    const frozen = (await findClosingInputs(world.table, close)).accepted
    return { steps, billedIn, frozen, later: await acceptedIn(world, '88vip', november) }
  }

  test('exclude each other: whatever was accepted is in this close or left to the next, at every step', async () => {
    const { steps, ...undisturbed } = await interleaved(Infinity)
    expect(undisturbed).toMatchObject({ billedIn: november, frozen: [] })
    const seen = new Set<string>()
    for (let step = 0; step < steps; step++) {
      const { billedIn, frozen, later } = await interleaved(step)
      expect([step, billedIn, frozen.length, later.length]).toEqual(
        billedIn === october ? [step, october, 1, 0] : [step, november, 0, 1],
      )
      seen.add(billedIn ?? '')
    }
    expect([...seen]).toContain(october)
  })
})
