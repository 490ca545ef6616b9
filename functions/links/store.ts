import * as z from 'zod'
import { AccountRecord, ActivityEntry, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import { quotaSummary, type UsedQuota, usedOf } from '../entitlements/remaining.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'
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
  return only && { link: restored(only), used: found.quotas[0] ? usedOf(found.quotas[0].used) : {} }
}

export const findAccount = (table: Table, partner: string, id: string): Promise<AccountRecord | undefined> =>
  table.get(account, accountKey(partner, id))

export const findLinked = (table: Table, member: string, programme: string, partner: string) =>
  table.get(linkedAccount, linkedKey(member, programme, partner))

export const linkedAccounts = (table: Table, member: string, programme: string): Promise<LinkedAccount[]> =>
  table.all(linkedAccount, { partition: `MEMBER#${member}`, startsWith: `LINKED#${programme}#` })

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
