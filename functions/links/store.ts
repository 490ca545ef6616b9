import { AccountRecord, ActivityEntry, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

export const link = recordType('link', LinkRecord)
const account = recordType('account', AccountRecord)
const linkedAccount = recordType('linked-account', LinkedAccount)
const activity = recordType('activity', ActivityEntry)

export const linkPartition = (id: string): string => `LINK#${id}`
const linkKey = (id: string) => ({ pk: linkPartition(id), sk: 'HEAD' })
const accountKey = (partner: string, id: string) => ({ pk: `ACCOUNT#${partner}#${id}`, sk: 'HEAD' })
const linkedKey = (member: string, programme: string, partner: string) => ({
  pk: `MEMBER#${member}`,
  sk: `LINKED#${programme}#${partner}`,
})

export const findLinkRecord = (table: Table, id: string): Promise<LinkRecord | undefined> =>
  table.get(link, linkKey(id))
export const findLinkRecords = (table: Table, ids: string[]): Promise<LinkRecord[]> =>
  table.getMany(link, ids.map(linkKey))

export const findAccount = (table: Table, partner: string, id: string): Promise<AccountRecord | undefined> =>
  table.get(account, accountKey(partner, id))

export const findLinked = (table: Table, member: string, programme: string, partner: string) =>
  table.get(linkedAccount, linkedKey(member, programme, partner))

export const linkedAccounts = (table: Table, member: string, programme: string): Promise<LinkedAccount[]> =>
  table.all(linkedAccount, { partition: `MEMBER#${member}`, startsWith: `LINKED#${programme}#` })

/** A link as it is after a change; `seq` is the version that was read plus one. */
export const linkWrite = (after: LinkRecord, before: LinkRecord | undefined): Write =>
  put(link, linkKey(after.id), after, { when: before ? { equals: { seq: before.seq } } : 'absent' })

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
