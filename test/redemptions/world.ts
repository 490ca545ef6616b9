import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { quotaSummary, remainingOf } from '../../functions/entitlements/remaining.ts'
import { plusSeconds } from '../../functions/kernel/clock.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { linkWithQuota } from '../../functions/links/find-links.ts'
import { expireDue } from '../../functions/redemptions/expire-due.ts'
import { hold } from '../../functions/redemptions/hold.ts'
import { capture, findRedemption, voidRedemption } from '../../functions/redemptions/settle.ts'
import { parseLine } from '../../functions/usage/parse.ts'
import type { ReceivedLine } from '../../functions/usage/read.ts'
import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import { RedemptionRequest } from '../../schemas/redemption.ts'
import { benefit, instant, membershipWorld, partnerDocument, standing } from '../memberships/world.ts'

type Setting = {
  quota?: object | undefined
  timeZone?: string
  more?: object[]
  document?: object
  around?: (table: Table) => Table
}
export const monthly = { per: 'P1M', limit: 4 }

/** A member whose eleme account is linked, with an allowance there, and everything that can happen to it. */
export async function redemptionWorld({
  quota = monthly,
  timeZone,
  more = [],
  document = {},
  around = same,
}: Setting = {}) {
  const coupon = benefit('coupon', 'eleme', { kind: 'allowance', quota })
  const world = await membershipWorld({
    benefits: [coupon, benefit('meal', 'eleme'), ...more],
    ...(timeZone !== undefined && { timeZone }),
    ...document,
  })
  const membership = await world.sellTo('lin')
  const link = await world.link('lin', 'e-lin', { partner: 'eleme' })
  const entitlement = await standing(world, membership.id, 'coupon')
  if (!entitlement) throw new Error('the member has no coupons')
  const needs = { table: around(world.table), now: world.needs.now }
  let number = 0

  const request = (id: string, change: object = {}) =>
    RedemptionRequest.parse({ id, linkId: link.id, benefit: 'coupon', ...change })
  const lineOf = (event: object): ReceivedLine => {
    const about = { entitlementId: entitlement.id, benefit: 'coupon', subject: entitlement.subject }
    const text = JSON.stringify({ id: `event-${++number}`, occurredAt: needs.now(), ...about, ...event })
    const parsed = parseLine(Buffer.from(text), 1).event
    if (!parsed) throw new Error(`the test sends a malformed line: ${text}`)
    return { partner: 'eleme', sequence: 1, line: 1, receivedAt: needs.now(), oldestOpen: {}, text, event: parsed }
  }
  return {
    ...world,
    members: world,
    needs,
    membership,
    linkId: link.id,
    entitlement,
    lineOf,
    hold: async (id: string, change: object = {}, partner = 'eleme') =>
      (await hold(needs, { partner, ...request(id, change) })).redemption,
    capture: (id: string, partner = 'eleme') => capture(needs, { partner, id }),
    void: (id: string, partner = 'eleme') => voidRedemption(needs, { partner, id }),
    find: (id: string, partner = 'eleme') => findRedemption(needs, { partner, id }),
    expire: () => expireDue(needs),
    later: (seconds: number) => world.moveTo(plusSeconds(needs.now(), seconds)),
    /** What the partner reports, as the stream's consumer notes it. */
    report: (...events: object[]) => noteUses(needs, 'eleme', events.map(lineOf)),
    note: (...lines: ReceivedLine[]) => noteUses(needs, 'eleme', lines),
    async summary() {
      const found = await world.table.get(quotaSummary, { pk: `LINK#${link.id}`, sk: 'QUOTA' })
      if (!found) throw new Error('nothing is counted')
      return found
    },
    async remaining(name = 'coupon'): Promise<number | undefined> {
      const found = await linkWithQuota(world, 'eleme', link.id)
      const held = found?.link.entitlements.find(one => one.benefit === name) as LinkedEntitlement
      return remainingOf(held, found?.used ?? {}, needs.now())
    },
  }
}
const same = (table: Table): Table => table
export type RedemptionWorld = Awaited<ReturnType<typeof redemptionWorld>>

/** What a refusal says; `done` where there was none. */
export const refused = (promise: Promise<unknown>): Promise<{ code?: string; message?: string }> =>
  promise.then(
    () => ({ code: 'done' }),
    ({ code, message }) => ({ code, message }),
  )

export { benefit, instant, partnerDocument }
