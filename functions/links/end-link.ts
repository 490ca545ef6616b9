import type { MemberId } from '../../schemas/ids.ts'
import type { AccountRecord, ActivityEntry, LinkEndReason, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { holdingWrites, loadHolding, settle } from '../entitlements/holding.ts'
import { linkEndedEvent } from '../events/link-ended.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import type { Table, Write } from '../kernel/table.ts'
import { caughtUp } from '../memberships/catch-up.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { subjectsOf } from '../memberships/records.ts'
import { partnerTokenRemoval } from './partner-token.ts'
import {
  accountWrite,
  activityWrite,
  findAccount,
  findLinked,
  findLinkRecord,
  linkedWrite,
  linkWrite,
} from './store.ts'

type Needs = { table: Table; newId: NewId; random: Random }
/** A link as it stands, with the member's side of it. */
export type StandingLink = { link: LinkRecord; linked: LinkedAccount }
export type LinkEnd = { state: 'broken' | 'ended'; reason: LinkEndReason; at: Instant }

/** The member's latest link at a partner, where it has not ended: one that is broken stands until it is ended. */
export async function standingLink(
  table: Table,
  member: MemberId,
  programme: string,
  partner: string,
): Promise<StandingLink | undefined> {
  const linked = await findLinked(table, member, programme, partner)
  const link = linked && linked.state !== 'ended' ? await findLinkRecord(table, linked.link) : undefined
  return linked && link && link.state !== 'ended' ? { link, linked } : undefined
}

/**
 * Ends or breaks an active link, all in one commit: its entitlements end, its account is free for others, a token of
 * the partner that was kept is gone, and the partner is told.
 */
export async function endLink(needs: Needs, { link, linked }: StandingLink, end: LinkEnd): Promise<LinkRecord> {
  const { table } = needs
  const { state, reason, at } = end
  // It keeps its status index, whose bit then ends the tokens that are still about.
  const ended: LinkRecord = { ...link, state, reason, endedAt: at, entitlements: [], seq: link.seq + 1 }
  await table.commit([
    linkWrite(ended, link),
    ...(await endedEntitlements(needs, ended, at)),
    linkedWrite({ ...linked, state, endedAt: at, reason, version: linked.version + 1 }, linked),
    ...(await freedAccount(table, ended)),
    partnerTokenRemoval(ended.id),
    linkEndedEvent(ended, at),
    lineOf(ended, at, state === 'broken' ? 'link-broken' : 'unlinked', reason),
  ])
  return ended
}

/**
 * Ends a link that is broken. Entitlements, account and partner were dealt with when it broke; why and when it did stays,
 * since the cooldown follows from it.
 */
export async function endBroken(
  { table }: Pick<Needs, 'table'>,
  { link, linked }: StandingLink,
  { reason, at }: Pick<LinkEnd, 'reason' | 'at'>,
): Promise<LinkRecord> {
  const ended: LinkRecord = { ...link, state: 'ended', seq: link.seq + 1 }
  await table.commit([
    linkWrite(ended, link),
    linkedWrite({ ...linked, state: 'ended', version: linked.version + 1 }, linked),
    ...(await freedAccount(table, ended)),
    partnerTokenRemoval(ended.id),
    lineOf(ended, at, 'unlinked', reason),
  ])
  return ended
}

/** The version in its place keeps two lines of one instant apart. */
const lineOf = (link: LinkRecord, at: Instant, action: ActivityEntry['action'], reason: LinkEndReason): Write => {
  const { programme, partner } = link
  return activityWrite(link.member, `${link.id}#${link.seq}`, { at, action, programme, partner, link: link.id, reason })
}

/** A membership that is over has nothing left to end. */
async function endedEntitlements({ table, newId, random }: Needs, ended: LinkRecord, at: Instant): Promise<Write[]> {
  const live = (await liveMemberships({ table }, ended.member)).find(({ programme }) => programme === ended.programme)
  if (!live) return []
  const before = await loadHolding(table, live.id)
  const current = await caughtUp({ table, newId }, before, at)
  // The link itself is written by its end: the holding goes on without it.
  const without = { ...current, links: current.links.filter(({ id }) => id !== ended.id) }
  const after = settle(without, { at, newId, subjects: await subjectsOf(table, ended.member) })
  return holdingWrites({ table, random }, after, { ...before, links: without.links }, at)
}

async function freedAccount(table: Table, ended: LinkRecord): Promise<Write[]> {
  const account = await findAccount(table, ended.partner, ended.account)
  if (!account) return []
  const after: AccountRecord = {
    ...account,
    version: account.version + 1,
    live: Object.fromEntries(Object.entries(account.live).filter(([, holder]) => holder !== ended.id)),
    grants: Object.fromEntries(Object.entries(account.grants).filter(([, holder]) => holder !== ended.id)),
    links: account.links.map(link => (link.id === ended.id ? { ...link, state: ended.state } : link)),
  }
  return [accountWrite(after, account)]
}
