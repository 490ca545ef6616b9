import { newIdFrom, systemRandom } from '../../functions/kernel/ids.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { completeLink, type LinkRequest } from '../../functions/links/complete-link.ts'
import { findLinkRecord } from '../../functions/links/records.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { fireDueTimers } from '../../functions/memberships/fire-timers.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { viewMembership } from '../../functions/memberships/view.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { MembershipRequest, type MembershipVerb } from '../../schemas/membership.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { freshTable } from '../support/table.ts'

export const caller = { brand: 'alibaba' }
export const identityIssuer = 'https://id.example'
export const instant = (text: string) => text as Instant
export const start = instant('2026-10-01T00:00:00Z')

export const partnerDocument = (id: string, change: object = {}) =>
  PartnerDocument.parse({
    id,
    name: { en: id },
    category: 'video',
    issuer: `https://${id}.example`,
    clientId: 'tessera',
    clientSecret: 'youku-very-secret',
    ...change,
  })

export const benefit = (id: string, partner: string, change: object = {}) => ({
  id,
  partner,
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: id },
  ...change,
})
export const plan = (change: object = {}) => ({
  id: 'annual',
  term: 'P1Y',
  price: { amountMinor: 8800, currency: 'CNY' },
  ...change,
})

/** A programme with every kind of rule; tests name what they change. */
export const programmeDocument = (change: object = {}) =>
  ProgrammeDocument.parse({
    id: '88vip',
    brand: 'alibaba',
    name: { en: '88VIP' },
    currency: 'CNY',
    timeZone: 'Asia/Shanghai',
    plans: [plan()],
    benefits: [
      benefit('youku-vip', 'youku', { limits: { streams: 2 } }),
      benefit('eleme-5off', 'eleme', { kind: 'allowance', quota: { per: 'P1M', limit: 4 } }),
      benefit('xiami-sign', 'xiami', { linkRequired: false }),
    ],
    ...change,
  })

/** Partners, one programme, and a clock that stands still until it is moved, on a fresh table. */
export async function membershipWorld(document: object = {}, partners: object = {}) {
  const { table, tableName } = await freshTable()
  let time = start
  const now = () => time
  const needs = {
    table,
    now,
    wallNow: now,
    random: systemRandom,
    newId: newIdFrom(now, systemRandom),
    vault: developmentVault(),
    log: silentLog,
    issuer: 'https://tessera.example',
  }
  for (const id of ['youku', 'eleme', 'xiami'])
    await registerPartner(needs, { caller, document: partnerDocument(id, partners) })
  const apply = (change: object = {}) => applyProgramme(needs, { caller, document: programmeDocument(change) })
  await apply(document)

  const request = (subject: string, change: object = {}) =>
    MembershipRequest.parse({
      programme: '88vip',
      plan: 'annual',
      member: { issuer: identityIssuer, subject },
      paid: { amountMinor: 8800, currency: 'CNY' },
      externalId: `order-${subject}`,
      ...change,
    })
  const memberOf = async (subject: string) => {
    const member = await findMember(needs, { issuer: identityIssuer, subject })
    if (!member) throw new Error(`nobody was sold anything under ${subject}`)
    return member
  }
  return {
    needs,
    table,
    tableName,
    apply,
    request,
    memberOf,
    moveTo: (text: string) => {
      time = instant(text)
    },
    moveAndFire: async (text: string) => {
      time = instant(text)
      return fireDueTimers(needs)
    },
    sellTo: (subject: string, change: object = {}) => sell(needs, caller, request(subject, change)),
    act: (id: string, verb: MembershipVerb, at?: string, reason?: string) =>
      changeMembership(needs, caller, {
        id,
        verb,
        action: { ...(at !== undefined && { at: instant(at) }), ...(reason !== undefined && { reason }) },
      }),
    view: (id: string) => viewMembership(needs, id, 'alibaba'),
    async link(subject: string, account: string, change: Partial<LinkRequest> = {}) {
      const { id } = await memberOf(subject)
      return completeLink(needs, { member: id, programme: '88vip', partner: 'youku', account, ...change })
    },
    async unlink(subject: string, partner = 'youku', programme = '88vip') {
      const { id } = await memberOf(subject)
      return unlink(needs, { member: id, programme, partner, reason: 'member' })
    },
    async linkRecord(id: string) {
      const link = await findLinkRecord(table, id)
      if (!link) throw new Error(`there is no link ${id}`)
      return link
    },
  }
}
export type MembershipWorld = Awaited<ReturnType<typeof membershipWorld>>

/** The entitlements of a benefit, oldest first, without those ended when `live` asks so. */
export async function entitlementsOf(world: MembershipWorld, membership: string, id: string) {
  const { entitlements } = await world.view(membership)
  return entitlements.filter(({ benefit: name }) => name === id)
}
export async function standing(world: MembershipWorld, membership: string, id: string) {
  const own = await entitlementsOf(world, membership, id)
  const [only, ...more] = own.filter(({ state }) => !['ended', 'revoked', 'failed'].includes(state))
  if (more.length > 0) throw new Error(`two standing entitlements of ${id}`)
  return only
}

/** The codes of the refusals, and how many of the attempts went through. */
export async function race<T>(attempts: (() => Promise<T>)[]) {
  const outcomes = await Promise.allSettled(attempts.map(attempt => attempt()))
  return {
    won: outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    refused: outcomes.flatMap(outcome =>
      outcome.status === 'rejected' ? [(outcome.reason as { code?: string }).code ?? String(outcome.reason)] : [],
    ),
  }
}
