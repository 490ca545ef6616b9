import * as z from 'zod'
import { MemberId, MembershipId } from '../../schemas/ids.ts'
import { ExternalSale, Member, Membership } from '../../schemas/membership.ts'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { hashOf, shardOf } from '../kernel/canonical.ts'
import { epochMilliseconds, epochSeconds } from '../kernel/clock.ts'
import { type Page, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const member = recordType('member', Member)
const identity = recordType('identity', z.strictObject({ member: MemberId }))
const membership = recordType('membership', Membership)
const reference = recordType('membership-reference', z.strictObject({ id: MembershipId, programme: Slug }))
const live = recordType('live-membership', z.strictObject({ id: MembershipId, programme: Slug }))
const external = recordType('external-sale', ExternalSale)
const signedOut = recordType('signed-out', z.strictObject({ before: Instant }))

const memberKey = (id: string, sk = 'HEAD') => ({ pk: `MEMBER#${id}`, sk })
const membershipKey = (id: string) => ({ pk: `MEMBERSHIP#${id}`, sk: 'HEAD' })
const externalKey = (programme: string, id: string) => ({ pk: `PROGRAMME#${programme}`, sk: `EXTERNAL#${id}` })
/** The key holds a hash, so that erasing a member needs no search for the names it was known by. */
const identityKey = (issuer: string, subject: string) => ({
  pk: `IDENTITY#${hashOf([issuer, subject])}`,
  sk: 'HEAD',
})

export async function findByIdentity(table: Table, issuer: string, subject: string): Promise<Member | undefined> {
  const found = await table.get(identity, identityKey(issuer, subject))
  return found && table.get(member, memberKey(found.member))
}
export const findMemberRecord = (table: Table, id: string): Promise<Member | undefined> =>
  table.get(member, memberKey(id))

export const findMembershipRecord = (table: Table, id: string): Promise<Membership | undefined> =>
  table.get(membership, membershipKey(id))

export const findSale = (table: Table, programme: string, externalId: string) =>
  table.get(external, externalKey(programme, externalId))

/** Every membership that was ever sold of a programme, some at a time: by the sellers' ids, in their order. */
export async function* soldMemberships(table: Table, programme: string): AsyncGenerator<Membership[]> {
  const sales = { partition: `PROGRAMME#${programme}`, startsWith: 'EXTERNAL#' }
  let batches: string[][] = [[]]
  const read = async () => (await Promise.all(batches.map(ids => findMemberships(table, ids)))).flat()
  for await (const sale of table.each(external, sales)) {
    if ((batches.at(-1)?.length ?? 0) === soldOfRead) {
      if (batches.length === readsAtOnce) {
        yield await read()
        batches = []
      }
      batches.push([])
    }
    batches.at(-1)?.push(sale.membership)
  }
  yield await read()
}
/** What one BatchGetItem takes. */
const soldOfRead = 100
const readsAtOnce = 8

export const findLive = (table: Table, memberId: string, programme: string) =>
  table.get(live, memberKey(memberId, `LIVE#${programme}`))

export const membershipReferences = (table: Table, memberId: string) =>
  table.all(reference, { partition: `MEMBER#${memberId}`, startsWith: 'MEMBERSHIP#' })

export const findMemberships = (table: Table, ids: string[]): Promise<Membership[]> =>
  table.getMany(membership, ids.map(membershipKey))

/** The random names by which partners know the member; none for nobody. */
export const subjectsOf = async (table: Table, id: string): Promise<Member['subjects']> =>
  (await findMemberRecord(table, id))?.subjects ?? {}

/** The member with a further pairwise subject or new attributes; also made known by issuer and subject if new. */
export const memberWrites = (after: Member, before: Member | undefined): Write[] => [
  put(member, memberKey(after.id), after, { when: before ? { equals: { version: before.version } } : 'absent' }),
  ...(before
    ? []
    : [put(identity, identityKey(after.issuer, after.subject), { member: after.id }, { when: 'absent' })]),
]

/** What stands in place of a name that was erased. */
const erasedName = 'erased'

/**
 * The member without its names, which lead to it no longer: a later sale or sign-in under them is another member's. The
 * pairwise subjects stay, so that usage and statements of closed periods can still be verified.
 */
export const forgottenMemberWrites = ({ attributes: _gone, ...before }: Member): Write[] => [
  put(
    member,
    memberKey(before.id),
    { ...before, issuer: erasedName, subject: erasedName, version: before.version + 1 },
    { when: { equals: { version: before.version } } },
  ),
  remove(identityKey(before.issuer, before.subject), { equals: { member: before.id } }),
]

/** The seller's id names the membership for ever; the hash of what was asked for, names and all, goes. */
export const forgottenSaleWrite = ({ id, programme, externalId }: Membership): Write =>
  put(
    external,
    externalKey(programme, externalId),
    { membership: id, fingerprint: erasedName },
    { when: { equals: { membership: id } } },
  )

const signedOutKey = (issuer: string, subject: string) => ({
  pk: `SIGNED-OUT#${hashOf([issuer, subject])}`,
  sk: 'HEAD',
})
/** Longer than any session lives. */
const signedOutSeconds = 13 * 60 * 60

/** Ends every session that began up to an instant of the wall clock, of a person with or without memberships. */
export const signedOutWrite = ({ issuer, subject }: Pick<Member, 'issuer' | 'subject'>, before: Instant): Write =>
  put(signedOut, signedOutKey(issuer, subject), { before }, { ttl: epochSeconds(before) + signedOutSeconds })

export const findSignedOut = (table: Table, { issuer, subject }: Pick<Member, 'issuer' | 'subject'>) =>
  table.get(signedOut, signedOutKey(issuer, subject))

/** Due timers are spread over partitions, so that a busy minute does not heat one. */
export const timerShards = 8
const sortableInstant = (milliseconds: number) => String(milliseconds).padStart(15, '0')

/** A membership as it is after a change; conditional on the version that was read. */
export const membershipWrite = (after: Membership, before: Membership | undefined): Write =>
  put(
    membership,
    {
      ...membershipKey(after.id),
      ...(after.nextTimerAt && {
        gsi1pk: `DUE#${shardOf(after.id, timerShards)}`,
        gsi1sk: sortableInstant(epochMilliseconds(after.nextTimerAt)),
      }),
    },
    after,
    { when: before ? { equals: { version: before.version } } : 'absent' },
  )

export const saleWrites = (sold: Membership, fingerprint: string): Write[] => [
  put(external, externalKey(sold.programme, sold.externalId), { membership: sold.id, fingerprint }, { when: 'absent' }),
  put(reference, memberKey(sold.member, `MEMBERSHIP#${sold.id}`), { id: sold.id, programme: sold.programme }),
  put(
    live,
    memberKey(sold.member, `LIVE#${sold.programme}`),
    { id: sold.id, programme: sold.programme },
    { when: 'absent' },
  ),
]

export const liveRemoval = (ended: Membership): Write => remove(memberKey(ended.member, `LIVE#${ended.programme}`))

/** Memberships whose timer is due, one shard and page at a time. */
export const dueMemberships = (
  table: Table,
  shard: number,
  nowMilliseconds: number,
  cursor?: string,
): Promise<Page<Membership>> =>
  table.query(membership, { partition: `DUE#${shard}`, index: 'gsi1', to: sortableInstant(nowMilliseconds), cursor })
