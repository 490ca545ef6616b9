import { beforeAll, describe, expect, test } from 'vitest'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { programme } from '../../functions/local/demo.ts'
import { runClose } from '../../functions/settlement/close.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Problem } from '../../schemas/problem.ts'
import type { Preview, Statement } from '../../schemas/settlement.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, sale, seedTerms } from '../support/gateway.ts'

/**
 * How an operator replaces a contract from a date on, over HTTP: first the old one again with its last day, then the new
 * one from the day after. Days are those of the programme's zone, here one whose clocks are put back within the month.
 */
let world: GatewayWorld
let event: { entitlementId: string; benefit: string; subject: string }
const id = 'berlin'

const terms = (name: string, unitPrice: string, days: { validFrom: string; validTo?: string }) => ({
  id: name,
  programme: id,
  payer: 'alibaba',
  payee: 'youku',
  currency: 'CNY',
  taxRate: '0.06',
  ...days,
  lines: [{ id: 'views', benefit: 'berlin-video', model: 'per-use', unitPrice }],
})
const apply = (document: { id: string }) => world.call('alibaba', 'PUT', `/v1/contracts/${document.id}`, document)

async function report(uses: Record<string, string>): Promise<void> {
  const events = Object.entries(uses).map(([name, occurredAt]) => ({ id: name, ...event, occurredAt }))
  await bodyOf(await world.call('youku', 'POST', '/v1/usage-batches', { events }), 202)
}

async function close(period: string, now: string): Promise<Statement> {
  world.clock.moveTo(now as Instant)
  await bodyOf(await world.call('alibaba', 'POST', `/v1/programmes/${id}/periods/${period}/close`), 202)
  await runClose(settlementNeeds(world.services), { programme: id, period: period as Period })
  return statementOf(period)
}

async function statementOf(period: string): Promise<Statement> {
  const path = `/v1/statements?programme=${id}&period=${period}`
  const { items } = await bodyOf<{ items: Statement[] }>(await world.call('youku', 'GET', path))
  return items[0] as Statement
}
const linesOf = ({ lines }: Statement) =>
  lines.map(({ contract, originPeriod, quantity, amountMinor }) => [contract, originPeriod, quantity, amountMinor])

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  const video = { id: 'berlin-video', partner: 'youku', kind: 'access', category: 'video', linkRequired: true }
  const document = {
    ...programme,
    id,
    timeZone: 'Europe/Berlin',
    choiceGroups: [],
    benefits: [{ ...video, name: { en: 'Video' } }],
  }
  await bodyOf(await world.call('alibaba', 'PUT', `/v1/programmes/${id}`, document))
  const asked = sale('replacement', { programme: id })
  const sold = await bodyOf<MembershipView>(await world.call('alibaba', 'POST', '/v1/memberships', asked), 201)
  const account = { programme: id, partner: 'youku', account: 'replacement' }
  const link = await completeLink(world.services, { member: sold.member.id, ...account })
  const [entitlement] = link.entitlements
  if (!entitlement) throw new Error('the link gives nothing')
  event = { entitlementId: entitlement.id, benefit: 'berlin-video', subject: link.subject }
})

describe('a contract that is replaced from a date on', () => {
  test('the new one alone is refused, and the answer says what to do first', async () => {
    await bodyOf(await apply(terms('first', '1', { validFrom: '2026-01-01' })))
    const answer = await apply(terms('second', '2', { validFrom: '2026-10-25', validTo: '2026-10-31' }))
    const { code, errors } = (await answer.json()) as Problem
    expect([answer.status, code]).toEqual([409, 'contract-overlap'])
    expect(errors?.[0]?.detail).toContain('first apply it with a validTo')
  })

  test('the old one with its last day and then the new one are taken, as often as they are sent', async () => {
    for (let time = 0; time < 2; time++) {
      await bodyOf(await apply(terms('first', '1', { validFrom: '2026-01-01', validTo: '2026-10-24' })))
      await bodyOf(await apply(terms('second', '2', { validFrom: '2026-10-25', validTo: '2026-10-31' })))
      await bodyOf(await apply(terms('third', '4', { validFrom: '2026-11-01' })))
    }
    const { version } = await bodyOf<{ version: number }>(await world.call('alibaba', 'GET', '/v1/contracts/first'))
    expect(version).toBe(2)
  })

  test('each use is rated by the contract of its day in Berlin, to the second, across the change of the clocks', async () => {
    world.clock.moveTo('2026-11-02T12:00:00Z' as Instant)
    await report({
      // Summer time, +02:00: the day before, its last second, and midnight.
      before: '2026-10-20T12:00:00Z',
      'last-of-the-first': '2026-10-24T21:59:59.999Z',
      'first-of-the-second': '2026-10-24T22:00:00Z',
      // The hour that comes twice, and winter time, +01:00, at the month's end.
      'hour-one': '2026-10-25T00:30:00Z',
      'hour-two': '2026-10-25T01:30:00Z',
      'last-of-the-month': '2026-10-31T22:59:59Z',
      'first-of-november': '2026-10-31T23:00:00Z',
    })
    const october = await close('2026-10', '2026-11-03T00:00:00Z')
    expect(linesOf(october)).toEqual([
      ['first', '2026-10', 2, 200],
      ['second', '2026-10', 4, 800],
    ])
    expect(october).toMatchObject({ subtotalMinor: 1000, taxMinor: 60, totalMinor: 1060 })
    const path = `/v1/programmes/${id}/periods/2026-11/preview`
    const { statements } = await bodyOf<Preview>(await world.call('alibaba', 'POST', path))
    expect(statements.flatMap(linesOf)).toEqual([['third', '2026-11', 1, 400]])
  })

  test('terms that change after a close change nothing of it, and late uses of it cost what they did then', async () => {
    const before = JSON.stringify(await statementOf('2026-10'))
    const dearer = terms('second', '99', { validFrom: '2026-10-25', validTo: '2026-10-31' })
    await bodyOf(await apply({ ...dearer, taxRate: '0.5' } as typeof dearer))
    const path = `/v1/programmes/${id}/periods/2026-11/preview`
    const { statements } = await bodyOf<Preview>(await world.call('alibaba', 'POST', path))
    expect(statements.flatMap(linesOf)).toEqual([['third', '2026-11', 1, 400]])
    world.clock.moveTo('2026-11-20T00:00:00Z' as Instant)
    await report({ late: '2026-10-26T12:00:00Z' })
    const november = await close('2026-11', '2026-12-02T00:00:00Z')
    expect(linesOf(november)).toEqual([
      ['second', '2026-10', 1, 200],
      ['third', '2026-11', 1, 400],
    ])
    expect(november).toMatchObject({ subtotalMinor: 600, taxMinor: 36 })
    expect(JSON.stringify(await statementOf('2026-10'))).toBe(before)
  })
})
