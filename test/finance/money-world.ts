import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { type Form, parseHtml } from '../../functions/local/html-forms.ts'
import type { Language } from '../../functions/portal/language.ts'
import { portalSessions } from '../../functions/portal/session.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, issuer, sale, seedTerms } from '../support/gateway.ts'

export type MoneyWorld = GatewayWorld & { links: Awaited<ReturnType<typeof linkMembers>> }

/** The demo's contracts with a month of use of three partners: tiers, a minimum, a share of sales and a shared coupon. */
export async function moneyWorld(): Promise<MoneyWorld> {
  const world = await gatewayWorld()
  await seedTerms(world)
  const links = await linkMembers(world)
  world.clock.moveTo('2026-10-20T02:00:00Z' as Instant)
  await report(world, links, 'youku', '2026-10', 50)
  await report(world, links, 'eleme', '2026-10', 2, { amountMinor: 3_333, currency: 'CNY' })
  await report(world, links, 'fliggy', '2026-10', 9)
  return { ...world, links }
}

async function linkMembers({ call, services }: GatewayWorld) {
  const links: { partner: string; entitlement: string; benefit: string; subject: string }[] = []
  for (const name of ['ann', 'bo', 'cai']) {
    const sold = await bodyOf<MembershipView>(await call('alibaba', 'POST', '/v1/memberships', sale(`${name}-x`)), 201)
    for (const partner of ['youku', 'eleme', 'fliggy']) {
      const account = `${name}-at-${partner}`
      const link = await completeLink(services, { member: sold.member.id, programme: '88vip', partner, account })
      for (const { id, benefit } of link.entitlements)
        links.push({ partner, entitlement: id, benefit, subject: link.subject })
    }
  }
  return links
}

/** One batch: so many uses of each member in a month. */
export async function report(
  { call }: GatewayWorld,
  links: Awaited<ReturnType<typeof linkMembers>>,
  partner: string,
  month: string,
  uses: number,
  amount?: { amountMinor: number; currency: string },
): Promise<void> {
  const events = links
    .filter(link => link.partner === partner)
    .flatMap(({ entitlement, benefit, subject }, member) =>
      Array.from({ length: uses }, (_, use) => ({
        id: `${partner}-${month}-${member}-${use}`,
        entitlementId: entitlement,
        benefit,
        subject,
        occurredAt: `${month}-${String(6 + (use % 12)).padStart(2, '0')}T04:00:00Z`,
        ...(amount && { amount }),
      })),
    )
  await bodyOf(await call(partner, 'POST', '/v1/usage-batches', { events }), 202)
}

/** Cuts a month off and runs it to its end, as the consumer of the stream does. */
export async function close({ services }: GatewayWorld, period = '2026-10'): Promise<void> {
  const closing = { programme: '88vip', period: period as Period }
  await requestClose(settlementNeeds(services), closing)
  await runClose(settlementNeeds(services), closing)
}

export const statementsOf = async ({ call }: GatewayWorld, client = 'alibaba'): Promise<Statement[]> =>
  (await bodyOf<{ items: Statement[] }>(await call(client, 'GET', '/v1/statements'))).items

export type Shown = { status: number; headers: Headers; body: string; text: string; forms: readonly Form[] }

/** Somebody with a session of these roles: opens pages and sends their forms. */
export async function visitorOf(
  { app, services }: GatewayWorld,
  roles: string[],
  language: Language = 'en',
  subject = roles[0] ?? 'lin',
) {
  const started = await portalSessions(services).start({ issuer, subject, name: subject, roles, language })
  const cookie = started.split(';')[0] ?? ''
  async function shown(answer: Response, path: string): Promise<Shown> {
    const body = await answer.text()
    const { forms } = parseHtml(body, new URL(path, issuer))
    const text = body
      .replace(/<[^>]+>/g, ' ')
      .replaceAll('&amp;', '&')
      .replaceAll(/\s+/g, ' ')
    return { status: answer.status, headers: answer.headers, body, text, forms }
  }
  const bytes = (path: string): Promise<Response> =>
    Promise.resolve(app.request(path, { headers: { cookie, accept: 'text/html' } }))
  const get = async (path: string): Promise<Shown> => shown(await bytes(path), path)
  /** Sends a form as a browser does, with what is filled in; or fields alone to an address. */
  async function send(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
    const answer = await app.request(path, {
      method: 'POST',
      headers: { cookie, origin: issuer, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(fields).toString(),
    })
    return shown(answer, path)
  }
  async function submit(form: Form | undefined, fields: Record<string, string> = {}): Promise<Shown> {
    if (!form) throw new Error('there is no such form')
    const own = [...form.controls].filter((pair): pair is [string, string] => pair[1] !== undefined)
    return send(form.action.pathname, { ...Object.fromEntries(own), ...fields })
  }
  return { get, bytes, send, submit }
}

export const formTo = (page: Shown, end: string): Form | undefined =>
  page.forms.find(({ action }) => action.pathname.endsWith(end))
export const codeOf = (page: Shown) => /<code>([a-z-]+)<\/code>/.exec(page.body)?.[1]
