import * as z from 'zod'
import { AccountRecord, ActivityEntry, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import { quotaSummary, type UsedQuota, usedOf } from '../entitlements/remaining.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { check, passOverConflict, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'
import { compactText, fromCompactText } from './compact.ts'

/** As it is stored: the entitlements as one short text, so that a link is read with one read unit. */
const StoredLink = LinkRecord.extend({ entitlements: z.string() })
type StoredLink = z.infer<typeof StoredLink>
const link = recordType('link', StoredLink)
const account = recordType('account', AccountRecord)
const linkedAccount = recordType('linked-account', LinkedAccount)
const activity = recordType('activity', ActivityEntry)

const linkPartition = (id: string): string => `LINK#${id}`
const linkKey = (id: string) => ({ pk: linkPartition(id), sk: 'HEAD' })
const accountKey = (partner: string, id: string) => ({ pk: `ACCOUNT#${partner}#${id}`, sk: 'HEAD' })
const linkedKey = (member: string, programme: string, partner: string) => ({
  pk: `MEMBER#${member}`,
  sk: `LINKED#${programme}#${partner}`,
})

const restored = (item: StoredLink): LinkRecord => ({ ...item, entitlements: fromCompactText(item.entitlements) })

export async function findLinkRecord(table: Table, id: string): Promise<LinkRecord | undefined> {
  const found = await table.get(link, linkKey(id))
  return found && restored(found)
}

export const findLinkRecords = async (table: Table, ids: string[]): Promise<LinkRecord[]> =>
  (await table.getMany(link, ids.map(linkKey))).map(restored)

/**
 * All that a token needs, in one Query: the partner's link with its entitlements, and what was used of their quotas.
 * DynamoDB itself leaves another partner's items out, so that its answer and our work are those for an unknown link.
 */
export async function findLinkWithQuota(
  table: Table,
  partner: string,
  id: string,
): Promise<{ link: LinkRecord; used: UsedQuota } | undefined> {
  const found = await table.collection(
    { links: link, quotas: quotaSummary },
    { partition: linkPartition(id), where: { partner } },
  )
  const [only] = found.links
  return only && { link: restored(only), used: usedOf(found.quotas[0]) }
}

export const findAccount = (table: Table, partner: string, id: string): Promise<AccountRecord | undefined> =>
  table.get(account, accountKey(partner, id))

export const findLinked = (table: Table, member: string, programme: string, partner: string) =>
  table.get(linkedAccount, linkedKey(member, programme, partner))

export const linkedAccounts = (table: Table, member: string, programme: string): Promise<LinkedAccount[]> =>
  table.all(linkedAccount, { partition: `MEMBER#${member}`, startsWith: `LINKED#${programme}#` })

/** The member's latest link at each partner, of every programme. */
export const allLinkedAccounts = (table: Table, member: string): Promise<LinkedAccount[]> =>
  table.all(linkedAccount, { partition: `MEMBER#${member}`, startsWith: 'LINKED#' })

/** A link as it is after a change; `seq` is the version that was read plus one. */
export const linkWrite = (after: LinkRecord, before: LinkRecord | undefined): Write =>
  put(
    link,
    linkKey(after.id),
    { ...after, entitlements: compactText(after.entitlements) },
    { when: before ? { equals: { seq: before.seq } } : 'absent' },
  )

export const accountWrite = (after: AccountRecord, before: AccountRecord | undefined): Write =>
  put(account, accountKey(after.partner, after.account), after, {
    when: before ? { equals: { version: before.version } } : 'absent',
  })

/** For what is written beside a link that stands already: not once it has ended meanwhile. */
export const linkIsActive = (id: string): Write => check(linkKey(id), { equals: { state: 'active' } })

/** For a commit that rests on what was read of the link: not once anything of it has changed. */
export const linkIsUnchanged = ({ id, seq }: Pick<LinkRecord, 'id' | 'seq'>): Write =>
  check(linkKey(id), { equals: { seq } })

export const linkedWrite = (after: LinkedAccount, before: LinkedAccount | undefined): Write =>
  put(linkedAccount, linkedKey(after.member, after.programme, after.partner), after, {
    when: before ? { equals: { version: before.version } } : 'absent',
  })

/** One line of the member's own activity log; sorts by time. */
export const activityWrite = (member: string, id: string, entry: ActivityEntry): Write =>
  put(
    activity,
    { pk: `MEMBER#${member}`, sk: `ACTIVITY#${String(epochMilliseconds(entry.at)).padStart(15, '0')}#${id}` },
    entry,
  )

/** The log, newest first. */
export const activityPage = (
  table: Table,
  member: string,
  { limit = 30, cursor }: { limit?: number; cursor?: string | undefined },
) => table.query(activity, { partition: `MEMBER#${member}`, startsWith: 'ACTIVITY#', descending: true, limit, cursor })

/** The whole log, oldest first. */
export const eachActivity = (table: Table, member: string): AsyncGenerator<ActivityEntry> =>
  table.each(activity, { partition: `MEMBER#${member}`, startsWith: 'ACTIVITY#' })

export async function removeActivity(table: Table, member: string): Promise<void> {
  const perCommit = 100
  const page = () => table.keys({ partition: `MEMBER#${member}`, startsWith: 'ACTIVITY#', limit: perCommit })
  for (let keys = await page(); keys.length > 0; keys = await page())
    await table.commit(keys.map(found => remove(found))).catch(passOverConflict)
}

/** Of an account that no link leads to any more. */
export const accountRemoval = ({ partner, account: id, version }: AccountRecord): Write =>
  remove(accountKey(partner, id), { equals: { version } })
