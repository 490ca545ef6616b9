import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import type { Language } from '../../functions/portal/language.ts'
import { portalSessions } from '../../functions/portal/session.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, sale, seedTerms } from '../support/gateway.ts'

export const october = '2026-10' as Period
export const november = '2026-11' as Period
const benefits = { youku: 'youku-vip', eleme: 'eleme-5off', fliggy: 'fliggy-gold' } as const
type Partner = keyof typeof benefits
export type Use = { member: number; day: number; amountMinor?: number; benefit?: string; entitlement?: string }

export type MonthWorld = Awaited<ReturnType<typeof monthWorld>>

/**
 * The whole gateway with 88VIP and its four partners: some members of one plan, linked everywhere, and a browser of
 * staff.
 */
export async function monthWorld({ members = 3 } = {}) {
  const world = await gatewayWorld()
  await seedTerms(world)
  const holders: Awaited<ReturnType<typeof holder>>[] = []
  for (let number = 1; number <= members; number++) holders.push(await holder(world, number))
  let batches = 0

  /** What a partner reports of a month, at noon of the given days. */
  async function report(partner: Partner, period: Period, uses: readonly Use[]): Promise<void> {
    batches++
    const events = uses.map(({ member, day, amountMinor, benefit = benefits[partner], entitlement }, index) => {
      const link = holders[member]?.links[partner]
      return {
        id: `${partner}-${batches}-${index}`,
        entitlementId: entitlement ?? link?.entitlement,
        benefit,
        subject: link?.subject,
        occurredAt: `${period}-${String(day).padStart(2, '0')}T04:00:00Z`,
        ...(amountMinor !== undefined && { amount: { amountMinor, currency: 'CNY' } }),
      }
    })
    await bodyOf(await world.call(partner, 'POST', '/v1/usage-batches', { events }), 202)
  }

  async function close(period: Period): Promise<void> {
    const closing = { programme: '88vip', period }
    await requestClose(settlementNeeds(world.services), closing)
    await runClose(settlementNeeds(world.services), closing)
  }

  const sessions = portalSessions(world.services)
  /** The `Cookie` header of a signed-in person. */
  async function cookieOf(roles: string[], language: Language = 'en'): Promise<string> {
    const person = { issuer: 'https://identity.invalid', subject: 'somebody', name: 'Somebody', roles, language }
    return (await sessions.start(person)).split(';')[0] ?? ''
  }

  /** A page or file as staff, or whoever the options say, see it. */
  async function open(
    path: string,
    { roles = ['finance'], language = 'en' as Language, signedOut = false } = {},
  ): Promise<Response> {
    const cookie = signedOut ? undefined : await cookieOf(roles, language)
    return world.app.request(path, { headers: { accept: 'text/html', ...(cookie && { cookie }) } })
  }

  async function html(path: string, options?: Parameters<typeof open>[1]): Promise<string> {
    const answer = await open(path, options)
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.text()
  }

  const moveTo = (instant: string) => world.clock.moveTo(instant as Instant)
  return { ...world, holders, report, close, cookieOf, open, html, moveTo }
}

async function holder({ call, services }: GatewayWorld, number: number) {
  const sold = await bodyOf<MembershipView>(
    await call('alibaba', 'POST', '/v1/memberships', sale(`person-${number}`)),
    201,
  )
  const links: Partial<Record<Partner, { entitlement: string; subject: string }>> = {}
  for (const partner of Object.keys(benefits) as Partner[]) {
    const asked = { member: sold.member.id, programme: '88vip', partner, account: `account-${number}` }
    const link = await completeLink(services, asked)
    const [entitlement] = link.entitlements
    if (entitlement) links[partner] = { entitlement: entitlement.id, subject: link.subject }
  }
  return { membership: sold.id, links }
}

/** October and November, in which fewer watch, more eat, and some lines are refused. */
export async function twoMonths(world: MonthWorld): Promise<void> {
  const { report, moveTo, close } = world
  const days = (count: number, member = 0) => Array.from({ length: count }, (_, index) => ({ member, day: 6 + index }))
  moveTo('2026-10-30T02:00:00Z')
  await report('youku', october, [...days(14), ...days(9, 1), ...days(4, 2)])
  await report('eleme', october, [
    { member: 0, day: 8, amountMinor: 4200 },
    { member: 1, day: 9, amountMinor: 3550 },
    // Paid in another currency, and by nobody known.
    { member: 2, day: 9, entitlement: 'ent_00000000000000000000000000' },
  ])
  await report('fliggy', october, [{ member: 2, day: 20 }])
  moveTo('2026-11-02T00:00:00Z')
  await close(october)
  moveTo('2026-11-20T02:00:00Z')
  await report('youku', november, [...days(5), ...days(12, 1), ...days(2, 2)])
  await report('eleme', november, [
    ...Array.from({ length: 6 }, (_, index) => ({ member: 0, day: 2 + index, amountMinor: 5000 })),
    ...Array.from({ length: 3 }, (_, index) => ({ member: 1, day: 12 + index, amountMinor: 7000 + index })),
  ])
  await report('fliggy', november, [
    { member: 2, day: 3 },
    { member: 1, day: 14 },
  ])
}

/** The texts of a table's cells, row by row, as a page shows them. */
export function cellsOf(page: string, caption: string): string[][] {
  const table = page.split('<table').find(part => part.includes(`>${caption}</caption>`)) ?? ''
  const rows = table.split('</table>')[0]?.match(/<tr>[\s\S]*?<\/tr>/g) ?? []
  return rows.map(row => [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) => textOf(cell)))
}
export const textOf = (markup: string): string =>
  markup
    .replaceAll(/<[^>]+>/g, '')
    .replaceAll('&amp;', '&')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
