import type { LinkId, MemberId, PairwiseSubject } from '../../schemas/ids.ts'
import type { AccountRecord, ActivityEntry, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { isTerminal } from '../entitlements/derive.ts'
import { type Holding, holdingWrites, settle } from '../entitlements/holding.ts'
import { quotaMove } from '../entitlements/quota-move.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { subjectsOf } from '../memberships/records.ts'
import { decideLink } from './decide-link.ts'
import { loadGrounds } from './link-grounds.ts'
import {
  accountWrite,
  activityWrite,
  findAccount,
  findLinkRecord,
  linkedWrite,
  linkIsActive,
  linkWrite,
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
  /** When the member agreed, in business time; now, unless given. */
  consentedAt?: Instant
  /** What is written with the link, once its id is known, or not at all; also where the link stands already. */
  alongside?: (link: LinkId) => Promise<Write[]>
}

/**
 * Links a partner account to a member who consented, and makes the entitlements that follow. Linking the same account
 * again answers the link there is; one that was broken ends as `relinked`.
 * @throws Refusal as `checkLink`
 */
export async function completeLink(needs: Needs, request: LinkRequest): Promise<LinkRecord> {
  const id = await makeLink(needs, request)
  const link = await findLinkRecord(needs.table, id)
  if (!link) throw new Refusal('link-not-found')
  return link
}

/**
 * As `completeLink`, but reads nothing after its commit, so that only a fault of the commit itself can leave it open
 * whether there is a link.
 */
export async function makeLink(needs: Needs, request: LinkRequest): Promise<LinkId> {
  const { table } = needs
  return againOnConflict(async () => {
    const { member: memberId, programme: programmeId, partner: partnerId, account, via, alongside } = request
    const grounds = await loadGrounds(needs, request)
    if ('standing' in grounds) {
      const { standing } = grounds
      if (alongside) await table.commit([linkIsActive(standing), ...(await alongside(standing))])
      return standing
    }
    const { at, partner, known, linked, stored, current } = grounds
    const { programme } = current
    const { notBefore } = decideLink({ ...grounds, programme, account, paidUntil: request.paidUntil }, at)

    const subjects = await subjectsOf(table, memberId)
    const link = newLink(needs, { request, partner, programme, subject: subjects[partnerId], at })
    const waiting = notBefore ? delayed(current, partnerId, notBefore) : current
    const after = settle({ ...waiting, links: [...current.links, link] }, { at, newId: needs.newId, subjects })
    const replaced = await replacedLink(table, linked)
    await table.commit([
      ...(await holdingWrites(needs, after, stored, at)),
      linkedWrite(
        { ...key(request), link: link.id, account, state: 'active', version: (linked?.version ?? 0) + 1 },
        linked,
      ),
      accountWrite(accountWith(known && withEnded(known, replaced?.after), link, after), known),
      ...(replaced ? await replacedWrites(table, replaced, account) : []),
      ...(await quotaMove(needs, { partner: partnerId, from: linked?.link, to: link.id, ...after })),
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
    return link.id
  })
}

type Replaced = { before: LinkRecord; after: LinkRecord }

/** The member's broken link, which a new one takes the place of. When it broke stays: nothing was given since. */
async function replacedLink(table: Table, linked: LinkedAccount | undefined): Promise<Replaced | undefined> {
  const before = linked?.state === 'broken' ? await findLinkRecord(table, linked.link) : undefined
  if (before?.state !== 'broken') return undefined
  return { before, after: { ...before, state: 'ended', reason: 'relinked', seq: before.seq + 1 } }
}

/** At most two items; where it was of the account that is linked now, that account's own write has it. */
async function replacedWrites(table: Table, { before, after }: Replaced, account: string): Promise<Write[]> {
  const other = after.account === account ? undefined : await findAccount(table, after.partner, after.account)
  return [
    linkWrite(after, before),
    ...(other ? [accountWrite({ ...withEnded(other, after), version: other.version + 1 }, other)] : []),
  ]
}

const withEnded = (account: AccountRecord, ended: LinkRecord | undefined): AccountRecord => ({
  ...account,
  links: account.links.map(link => (link.id === ended?.id ? { ...link, state: ended.state } : link)),
})

const key = ({ member, programme, partner }: LinkRequest) => ({ member, programme, partner })

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
    consentedAt: request.consentedAt ?? at,
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
