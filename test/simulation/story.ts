import { QueryCommand } from '@aws-sdk/client-dynamodb'
import type { Services } from '../../functions/connect.ts'
import { settleChanges } from '../../functions/consume.ts'
import { listExceptions } from '../../functions/exceptions/list-exceptions.ts'
import { resolveException } from '../../functions/exceptions/resolve.ts'
import { exceptionNeeds, settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { requestRun } from '../../functions/reconciliation/request-run.ts'
import { expireDue } from '../../functions/redemptions/expire-due.ts'
import { hold } from '../../functions/redemptions/hold.ts'
import { capture, voidRedemption } from '../../functions/redemptions/settle.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Caller } from '../../schemas/client.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { UsageException } from '../../schemas/exception.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { receivedAt } from '../settlement/generated-month.ts'
import type { Draw } from './draw.ts'
import type { RawItem } from './dump.ts'
import { type Origin, type Partner, partners, type World } from './world.ts'

export const programme = '88vip'
export const october = '2026-10' as Period
export const november = '2026-11' as Period

/** Something that a caller wants done, and repeats until it is: all that callers of the gateway do. */
export type Act = { name: string; run(services: Services, other: Services): Promise<unknown> }

type Use = { id: string; at: string; more?: object }

/** An event of one of a partner's entitlements. */
function eventOf(entitlements: Entitlement[], who: number, { id, at, more = {} }: Use): object {
  const entitlement = entitlements[who % entitlements.length]
  if (!entitlement) throw new Error('the origin has no entitlements')
  const { id: entitlementId, benefit, subject } = entitlement
  return { id, entitlementId, benefit, subject, occurredAt: at, ...more }
}

/** Batches of a partner, in the order in which it sends them: good lines, and one of each way of being wrong. */
export function batchesOf(partner: Partner, entitlements: Entitlement[]): { october: string[]; november: string[] } {
  const use = (who: number, day: number, more: object = {}, id = `${partner}-${day}-${who}`) =>
    eventOf(entitlements, who, { id, at: `2026-10-${String(day).padStart(2, '0')}T03:00:00Z`, more })
  const amount = { amount: { amountMinor: 1999, currency: 'CNY' } }
  const lines = (events: (object | string)[]) =>
    events.map(event => (typeof event === 'string' ? event : JSON.stringify(event))).join('\n')
  const first = Array.from({ length: 12 }, (_, index) => use(index, 2 + (index % 3), amount))
  return {
    october: [
      lines([...first, '{"id":', use(0, 9, { quantitty: 1 })]),
      lines([
        use(0, 2, amount),
        use(1, 3, { ...amount, tokenId: 'changed' }),
        use(2, 11, { occurredAt: '2026-12-24T00:00:00Z' }),
        use(3, 11, { occurredAt: '2026-03-01T00:00:00Z' }),
        use(4, 11, { entitlementId: 'ent_00000000000000000000000000' }),
        use(5, 11, { subject: 'sub_00000000000000000000000000' }),
        use(0, 12, { occurredAt: '2026-09-20T00:00:00Z' }),
        ...Array.from({ length: 8 }, (_, index) => use(1, 13 + index, { quantity: 1 })),
        use(2, 21, { type: 'reversal', reverses: `${partner}-4-2` }),
      ]),
      lines([
        use(3, 22, amount),
        // Reports of what was captured, voided and has expired online.
        ...['till-1', 'till-2', 'till-3'].map((redemptionId, index) =>
          use(index < 2 ? 0 : 1, 24 + index, { ...amount, redemptionId }),
        ),
        use(2, 23, { amount: { amountMinor: 5, currency: 'USD' } }),
      ]),
    ],
    november: [
      lines([
        // Late, a repetition of what is closed, and a reversal of it.
        use(4, 25, amount),
        use(0, 2, amount),
        use(0, 30, { type: 'reversal', reverses: `${partner}-2-0`, occurredAt: '2026-11-03T03:00:00Z' }),
        use(5, 9, { occurredAt: '2026-11-04T03:00:00Z' }, `${partner}-november`),
      ]),
    ],
  }
}

const send = (partner: Partner, body: string): Act => ({
  name: `${partner} sends`,
  run: services =>
    receiveBatch(usageNeeds(services), { partner, body: Buffer.from(body), mediaType: 'application/x-ndjson' }),
})

async function closeFor(services: Services, period: Period): Promise<void> {
  const needs = settlementNeeds(services)
  await requestClose(needs, { programme, period })
  await runClose(needs, { programme, period })
}

const close = (period: Period): Act => ({ name: `close ${period}`, run: services => closeFor(services, period) })

const closeTwice = (period: Period): Act => ({
  name: `two close ${period} at once`,
  run: (services, other) => Promise.all([closeFor(services, period), closeFor(other, period)]),
})

/** What the stream brings after a close: what is final now, each partner's views and exceptions are told. */
const tellFinals: Act = {
  name: 'what is final is told',
  async run(services) {
    for (const partner of partners) {
      await requestRun(usageNeeds(services), partner)
      const image = { itemKind: { S: 'provisional-request' }, partner: { S: partner } }
      await settleChanges(services, { Records: [{ eventName: 'INSERT', dynamodb: { NewImage: image } }] })
    }
  },
}

/** The stream's records of what was inserted, as often and in whichever order it pleases to deliver them. */
const deliver = (world: World, draw: Draw): Act => ({
  name: 'the stream delivers',
  async run(services) {
    const images = (await Promise.all(partners.map(partner => manifestsOf(world, partner)))).flat()
    const again = images.filter(() => draw.chance(0.3))
    for (const image of draw.shuffled([...images, ...again]))
      await settleChanges(services, { Records: [{ eventName: 'INSERT', dynamodb: { NewImage: image } }] })
  },
})

async function manifestsOf({ clean, tableName }: World, partner: Partner): Promise<RawItem[]> {
  const page = await clean.send(
    new QueryCommand({
      TableName: tableName,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :manifest)',
      ExpressionAttributeValues: { ':pk': { S: `USAGE#${partner}` }, ':manifest': { S: 'MANIFEST#' } },
      ConsistentRead: true,
    }),
  )
  return page.Items ?? []
}

/** `month`: one partner's October, one thing after the other. `quarter`: two partners, late lines, and rivals. */
export type Tale = 'month' | 'quarter'

/** What happens is always the same, what goes wrong on the way is not. */
export function story(tale: Tale, world: World, { entitlements }: Origin, draw: Draw): Act[] {
  const tellers = tale === 'month' ? (['eleme'] as const) : partners
  const batches = tellers.map(partner => ({ partner, ...batchesOf(partner, entitlements[partner]) }))
  const sent = (month: 'october' | 'november') =>
    batches.flatMap(({ partner, ...months }) => months[month].map(body => send(partner, body)))
  const [one, other] = entitlements.eleme
  const redemptions = ['till-1', 'till-2', 'till-3'].map((id, index) => ({ id, entitlement: index < 2 ? one : other }))
  const beginning = [
    ...redemptions.map(heldBy),
    settled('till-1', capture),
    settled('till-2', voidRedemption),
    at(world, receivedAt),
  ]
  const decision = [at(world, '2026-11-02T00:00:00Z'), clearHolds, decided('over-quota', 'accepted')]
  if (tale === 'month')
    return [...beginning, ...sent('october'), deliver(world, draw), ...decision, close(october), tellFinals]
  const [early, late] = [sent('october').slice(0, 4), sent('october').slice(4)]
  return [
    ...beginning,
    ...early,
    deliver(world, draw),
    ...late,
    deliver(world, draw),
    ...decision,
    closeTwice(october),
    tellFinals,
    at(world, '2026-11-05T00:00:00Z'),
    decided('currency-mismatch', 'rejected'),
    ...sent('november'),
    deliver(world, draw),
    at(world, '2026-12-02T00:00:00Z'),
    closeTwice(november),
    tellFinals,
  ]
}

type HoldRequest = { id: string; entitlement: Entitlement | undefined }

const heldBy = ({ id, entitlement }: HoldRequest): Act => ({
  name: `hold ${id}`,
  async run(services) {
    if (!entitlement?.link) throw new Error('the origin has no link to redeem from')
    const { link: linkId, benefit } = entitlement
    await hold(services, { partner: 'eleme', id, linkId, benefit, quantity: 1 })
  },
})

const settled = (id: string, settle: typeof capture): Act => ({
  name: `${settle.name} ${id}`,
  run: services => settle(services, { partner: 'eleme', id }),
})

const caller = (client: string, scopes: Caller['scopes'], partner?: string): Caller => ({
  client,
  brand: client,
  scopes,
  ...(partner && { partner }),
})
const finance = caller('alibaba', ['finance:read', 'finance:write'])

/** Somebody decides about the first open exception of a reason; who asks again finds it decided. */
const decided = (reason: UsageException['reason'], outcome: 'accepted' | 'rejected'): Act => ({
  name: `${reason} is ${outcome}`,
  async run(services) {
    const needs = exceptionNeeds(services)
    const { items } = await listExceptions(needs, { caller: finance, reason, programme, limit: 100 })
    const [first] = items.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    if (!first) throw new Error(`no exception of ${reason}`)
    const resolution = { outcome, reason: 'as agreed' }
    await resolveException(needs, { caller: finance, id: first.id, resolution })
  },
})

/** Holds whose time is over are cleared by the timer. */
const clearHolds: Act = { name: 'holds expire', run: services => expireDue(services) }

const at = (world: World, instant: string): Act => ({
  name: `it is ${instant}`,
  run: async () => world.moveTo(instant as Instant),
})
