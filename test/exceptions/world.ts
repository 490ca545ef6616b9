import { settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { reconcileBatch } from '../../functions/reconciliation/provisional.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import type { UsageException } from '../../schemas/exception.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import { bodyOf, gatewayWorld, sale, seedTerms } from '../support/gateway.ts'

export type Listed = { items: UsageException[]; next?: string }
export type ExceptionWorld = Awaited<ReturnType<typeof exceptionWorld>>
type EventParts = { id: string; [name: string]: unknown }

/** The whole gateway with one member, linked at youku and at eleme since 5 October; it is 20 October. */
export async function exceptionWorld(options: Parameters<typeof gatewayWorld>[0] = {}) {
  const world = await gatewayWorld(options)
  const { call, services, clock } = world
  await seedTerms(world)
  const sold = await bodyOf<MembershipView>(await call('alibaba', 'POST', '/v1/memberships', sale('person')), 201)
  const linkAt = async (partner: string) => {
    const link = await completeLink(services, {
      member: sold.member.id,
      programme: '88vip',
      partner,
      account: `person-${partner}`,
    })
    const [entitlement] = link.entitlements
    if (!entitlement) throw new Error(`the link at ${partner} gives nothing`)
    return { entitlementId: entitlement.id as string, benefit: entitlement.benefit, subject: link.subject as string }
  }
  const youku = await linkAt('youku')
  const eleme = await linkAt('eleme')
  clock.moveTo('2026-10-20T02:00:00Z' as Instant)

  /** Reports events, which name the member's entitlement and 10 October unless they say otherwise, and judges them. */
  async function report(partner: 'youku' | 'eleme', events: EventParts[]): Promise<BatchReceipt> {
    const usual = { ...(partner === 'youku' ? youku : eleme), occurredAt: '2026-10-10T04:00:00Z' }
    const body = { events: events.map(event => ({ ...usual, ...event })) }
    const batch = await bodyOf<BatchReceipt>(await call(partner, 'POST', '/v1/usage-batches', body), 202)
    await reconcile(partner)
    return batch
  }
  const reconcile = (partner: string) => reconcileBatch(usageNeeds(services), { partner })

  const list = async (client: string, query = ''): Promise<UsageException[]> =>
    (await bodyOf<Listed>(await call(client, 'GET', `/v1/exceptions${query}`))).items

  async function only(client: string, query = ''): Promise<UsageException> {
    const [one, ...others] = await list(client, query)
    if (!one || others.length > 0) throw new Error(`one exception expected, not ${others.length + (one ? 1 : 0)}`)
    return one
  }

  const act = (client: string, { id }: { id: string }, verb: string, body: unknown) =>
    call(client, 'POST', `/v1/exceptions/${id}/${verb}`, body)
  const view = async (client: string, { id }: { id: string }) =>
    bodyOf<UsageException>(await call(client, 'GET', `/v1/exceptions/${id}`))

  /** Closes a month, as finance would after its end. @returns the statements between alibaba and the partner */
  async function close(month: string, partner: string): Promise<Statement> {
    const closing = { programme: '88vip', period: month as Period }
    await requestClose(settlementNeeds(services), closing)
    await runClose(settlementNeeds(services), closing)
    const { items } = await bodyOf<{ items: Statement[] }>(
      await call(partner, 'GET', `/v1/statements?programme=88vip&period=${month}`),
    )
    const [statement] = items
    if (!statement) throw new Error(`the close of ${month} made no statement of ${partner}`)
    return statement
  }
  const moveTo = (instant: string) => clock.moveTo(instant as Instant)

  return { ...world, youku, eleme, report, reconcile, list, only, act, view, close, moveTo }
}

/** [status, code] of a refusal, or [status] of an answer that is none. */
export async function refusalOf(answer: Response): Promise<unknown[]> {
  const { code } = (await answer.json()) as { code?: string }
  return code === undefined ? [answer.status] : [answer.status, code]
}

/** The whole problem. */
export const problemOf = async (answer: Response): Promise<Record<string, unknown>> =>
  (await answer.json()) as Record<string, unknown>
