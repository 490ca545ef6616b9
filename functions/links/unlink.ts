import type { MemberId } from '../../schemas/ids.ts'
import type { AccountRecord, LinkEndReason, LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { holdingWrites, loadHolding, settle } from '../entitlements/holding.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { caughtUp } from '../memberships/catch-up.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { subjectsOf } from '../memberships/records.ts'
import {
  accountWrite,
  activityWrite,
  findAccount,
  findLinked,
  findLinkRecord,
  linkedWrite,
  linkWrite,
} from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type Request = { member: MemberId; programme: string; partner: string; reason: LinkEndReason }

/**
 * Ends a link and the entitlements that stood in it; the account is free for others, the member waits for the
 * partner's cooldown before linking another one.
 * @throws Refusal link-not-found when nothing is linked
 */
export async function unlink({ table, now, newId, random }: Needs, request: Request): Promise<LinkRecord> {
  return againOnConflict(async () => {
    const { member: memberId, programme, partner, reason } = request
    const linked = await findLinked(table, memberId, programme, partner)
    const link = linked?.state === 'active' ? await findLinkRecord(table, linked.link) : undefined
    if (!linked || !link) throw new Refusal('link-not-found', 'no account of this partner is linked')
    const at = now()
    // It keeps its status index, whose bit then ends the tokens that are still about.
    const ended: LinkRecord = { ...link, state: 'ended', reason, endedAt: at, entitlements: [], seq: link.seq + 1 }
    await table.commit([
      linkWrite(ended, link),
      ...(await endedEntitlements({ table, newId, random }, ended, at)),
      linkedWrite({ ...linked, state: 'ended', endedAt: at, reason, version: linked.version + 1 }, linked),
      ...(await freedAccount(table, ended)),
      activityWrite(memberId, ended.id, { at, action: 'unlinked', programme, partner, link: ended.id, reason }),
    ])
    return ended
  })
}

/** A membership that is over has nothing left to end. */
async function endedEntitlements({ table, newId, random }: Omit<Needs, 'now'>, ended: LinkRecord, at: Instant) {
  const live = (await liveMemberships({ table }, ended.member)).find(({ programme }) => programme === ended.programme)
  if (!live) return []
  const before = await loadHolding(table, live.id)
  const current = await caughtUp({ table, newId }, before, at)
  // The link itself is written by unlink: the holding goes on without it.
  const without = { ...current, links: current.links.filter(({ id }) => id !== ended.id) }
  const after = settle(without, { at, newId, subjects: await subjectsOf(table, ended.member) })
  return holdingWrites({ table, random }, after, { ...before, links: without.links }, at)
}

async function freedAccount(table: Table, ended: LinkRecord): Promise<Write[]> {
  const account = await findAccount(table, ended.partner, ended.account)
  if (!account) return []
  const { [ended.programme]: _freed, ...live } = account.live
  const after: AccountRecord = {
    ...account,
    version: account.version + 1,
    live,
    grants: Object.fromEntries(Object.entries(account.grants).filter(([, holder]) => holder !== ended.id)),
    links: account.links.map(link => (link.id === ended.id ? { ...link, state: 'ended' as const } : link)),
  }
  return [accountWrite(after, account)]
}
