import type { LinkId, MemberId, PairwiseSubject } from '../../schemas/ids.ts'
import type { AccountRecord, ActivityEntry, LinkRecord } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { grantedElsewhere } from '../entitlements/attach.ts'
import { isTerminal } from '../entitlements/derive.ts'
import { type Holding, holdingWrites, loadHolding, settle } from '../entitlements/holding.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { caughtUp } from '../memberships/catch-up.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { subjectsOf } from '../memberships/records.ts'
import { findPartner } from '../partners/find-partner.ts'
import { decideLink } from './decide-link.ts'
import {
  accountWrite,
  activityWrite,
  findAccount,
  findLinked,
  findLinkRecord,
  linkedWrite,
  linkIsActive,
} from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
export type LinkRequest = {
  member: MemberId
  programme: string
  partner: string
  /** The partner's own id of the account, as its OpenID provider vouched for it. */
  account: string
  paidUntil?: Instant
  /** Where the member agreed. */
  via?: ActivityEntry['via']
  /** What is written with the link, once its id is known, or not at all; also where the link stands already. */
  alongside?: (link: LinkId) => Promise<Write[]>
}

/**
 * Links a partner account to a member who consented, and makes the entitlements that follow. Linking the same account
 * again answers the link there is.
 */
export async function completeLink(needs: Needs, request: LinkRequest): Promise<LinkRecord> {
  const { table, now } = needs
  return againOnConflict(async () => {
    const { member: memberId, programme: programmeId, partner: partnerId, account, via, alongside } = request
    const partner = await findPartner({ table }, partnerId)
    // The account first: a rival of this very link that commits in between is then seen by the next read.
    const known = await findAccount(table, partnerId, account)
    const linked = await findLinked(table, memberId, programmeId, partnerId)
    if (linked?.state === 'active' && linked.account === account) {
      if (alongside) await table.commit([linkIsActive(linked.link), ...(await alongside(linked.link))])
      return existingLink(table, linked.link)
    }
    const at = now()
    const stored = await liveHolding(table, memberId, programmeId)
    const before = await caughtUp(needs, stored, at)
    if (before.membership.state === 'ended') throw new Refusal('no-benefit-here', 'the membership is over')
    const benefits = before.programme.benefits.filter(benefit => benefit.partner === partnerId && benefit.linkRequired)
    if (benefits.length === 0) throw new Refusal('no-benefit-here')
    const held = await grantedElsewhere(
      table,
      known,
      benefits.map(({ id }) => id),
    )
    const { programme } = before
    const { notBefore } = decideLink(
      { programme, partner, account, known, linked, held, paidUntil: request.paidUntil },
      at,
    )

    const subjects = await subjectsOf(table, memberId)
    const link = newLink(needs, { request, partner, programme, subject: subjects[partnerId], at })
    const waiting = notBefore ? delayed(before, partnerId, notBefore) : before
    const after = settle({ ...waiting, links: [...before.links, link] }, { at, newId: needs.newId, subjects })
    const writes = await holdingWrites(needs, after, stored, at)
    await table.commit([
      ...writes,
      linkedWrite(
        { ...key(request), link: link.id, account, state: 'active', version: (linked?.version ?? 0) + 1 },
        linked,
      ),
      accountWrite(accountWith(known, link, after), known),
      activityWrite(memberId, link.id, {
        at,
        action: 'linked',
        programme: programmeId,
        partner: partnerId,
        link: link.id,
        ...(via && { via }),
      }),
      ...((await alongside?.(link.id)) ?? []),
    ])
    return existingLink(table, link.id)
  })
}

const key = ({ member, programme, partner }: LinkRequest) => ({ member, programme, partner })

async function existingLink(table: Table, id: LinkId): Promise<LinkRecord> {
  const link = await findLinkRecord(table, id)
  if (!link) throw new Refusal('link-not-found')
  return link
}

/** @throws Refusal no-benefit-here when the member holds no live membership of the programme */
async function liveHolding(table: Table, member: MemberId, programme: string): Promise<Holding> {
  const membership = (await liveMemberships({ table }, member)).find(live => live.programme === programme)
  if (!membership) throw new Refusal('no-benefit-here', 'there is no live membership of the programme')
  return loadHolding(table, membership.id)
}

type Linking = {
  request: LinkRequest
  partner: Partner
  programme: Programme
  subject: PairwiseSubject | undefined
  at: Instant
}

function newLink({ newId }: Pick<Needs, 'newId'>, { request, partner, programme, subject, at }: Linking): LinkRecord {
  if (!subject) throw new Refusal('no-benefit-here')
  return {
    id: newId<LinkId>('lnk'),
    programme: programme.id,
    partner: partner.id,
    member: request.member,
    account: request.account,
    subject,
    state: 'active',
    since: at,
    consentedAt: at,
    seq: 1,
    entitlements: [],
  }
}

/** Policy `defer`: what the account pays for itself comes first. */
const delayed = (holding: Holding, partner: string, notBefore: Instant): Holding => ({
  ...holding,
  entitlements: holding.entitlements.map(entitlement =>
    entitlement.partner === partner && entitlement.linkRequired && !isTerminal(entitlement.state)
      ? { ...entitlement, notBefore }
      : entitlement,
  ),
})

/** An account that is linked and unlinked for ever must not grow for ever: the oldest links that are over are let go. */
function remembered(links: AccountRecord['links']): AccountRecord['links'] {
  const over = links.filter(({ state }) => state !== 'active').slice(-99)
  return links.filter(link => link.state === 'active' || over.includes(link))
}

function accountWith(known: AccountRecord | undefined, link: LinkRecord, after: Holding): AccountRecord {
  const { id, programme, account, partner, state, since } = link
  const granted = after.entitlements.filter(entitlement => entitlement.link === id && !isTerminal(entitlement.state))
  return {
    partner,
    account,
    version: (known?.version ?? 0) + 1,
    live: { ...known?.live, [programme]: id },
    grants: { ...known?.grants, ...Object.fromEntries(granted.map(({ benefit }) => [benefit, id])) },
    links: [...remembered(known?.links ?? []), { id, programme, account, state, since }],
  }
}
