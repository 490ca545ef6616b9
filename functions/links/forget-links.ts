import type { LinkId, MemberId } from '../../schemas/ids.ts'
import type { AccountRecord } from '../../schemas/link.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { everyLink, latestLinks } from './member-links.ts'
import { partnerTokenRemoval } from './partner-token.ts'
import {
  accountRemoval,
  accountWrite,
  findAccount,
  findLinked,
  findLinkRecord,
  linkedWrite,
  linkWrite,
  removeActivity,
} from './store.ts'
import { unlink } from './unlink.ts'
import type { Withdraw } from './withdraw-consent.ts'

type Needs = {
  table: Table
  now: Now
  newId: NewId
  random: Random
  /** Without it the consents at the partners stay as they are there. */
  withdraw?: Withdraw
}

/**
 * What is left of an erased member's links: nothing that names an account. Every step may be repeated, and each leaves
 * what the next one needs to find its way: the log, which names the links, goes last. The member's memberships are over
 * by then, so that no new link can come about. Consents are withdrawn before the links end: what revokes them goes with
 * the link.
 */
export async function forgetLinks(needs: Needs, member: MemberId): Promise<void> {
  const standing = (await latestLinks(needs, member)).filter(({ state }) => state !== 'ended')
  await Promise.all(standing.map(({ link, partner }) => needs.withdraw?.({ id: link, partner })))
  for (const { programme, partner } of standing)
    await unlink(needs, { member, programme, partner, reason: 'erased' }).catch(passOverEnded)
  for (const { id } of await everyLink(needs, member)) await forgetAccount(needs.table, id)
  await removeActivity(needs.table, member)
}

/** A rival was first: the partner, or another run of this. */
function passOverEnded(error: unknown): void {
  if (!(error instanceof Refusal && error.code === 'link-not-found')) throw error
}

/** What stands in place of the account of an erased member's link; no partner's own account is called so. */
export const forgottenAccount = (link: LinkId): string => `erased:${link}`

async function forgetAccount(table: Table, id: LinkId): Promise<void> {
  await againOnConflict(async () => {
    const link = await findLinkRecord(table, id)
    if (!link || link.account === forgottenAccount(id)) return
    if (link.state === 'active') throw new Error('a link of an erased member still stands')
    const account = await findAccount(table, link.partner, link.account)
    const linked = await findLinked(table, link.member, link.programme, link.partner)
    const forgotten = { account: forgottenAccount(id), state: 'ended' } as const
    await table.commit([
      linkWrite({ ...link, ...forgotten, seq: link.seq + 1 }, link),
      ...(linked?.link === id ? [linkedWrite({ ...linked, ...forgotten, version: linked.version + 1 }, linked)] : []),
      ...(account ? [withoutLink(account, id)] : []),
      partnerTokenRemoval(id),
    ])
  })
}

/** The account without a link; what other members' links have there stays. */
function withoutLink(account: AccountRecord, id: LinkId): Write {
  const others = (holders: AccountRecord['live']) =>
    Object.fromEntries(Object.entries(holders).filter(([, holder]) => holder !== id))
  const [live, grants] = [others(account.live), others(account.grants)]
  const links = account.links.filter(link => link.id !== id)
  if (links.length === 0 && Object.keys(live).length === 0) return accountRemoval(account)
  return accountWrite({ ...account, version: account.version + 1, live, grants, links }, account)
}
