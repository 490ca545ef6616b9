import * as z from 'zod'

/** Ids that Tessera makes: a prefix that tells the kind, and 26 characters of Crockford base 32 (a ULID or a hash). */
const prefixed = <P extends string>(prefix: P) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`), `an id such as ${prefix}_01J9ZK3V5W8XQ2M4N6P7R8S9TA`)
    .brand<P>()

export const MemberId = prefixed('mem').meta({ id: 'MemberId' })
export const MembershipId = prefixed('mbr').meta({ id: 'MembershipId' })
export const LinkId = prefixed('lnk').meta({ id: 'LinkId' })
export const EntitlementId = prefixed('ent').meta({ id: 'EntitlementId' })
export const BatchId = prefixed('bat').meta({ id: 'BatchId' })
export const StatementId = prefixed('stm').meta({ id: 'StatementId' })
export const PaymentId = prefixed('pay').meta({ id: 'PaymentId' })
export const ExceptionId = prefixed('exc').meta({ id: 'ExceptionId' })
export const EventId = prefixed('evt').meta({ id: 'EventId' })
export const PairwiseSubject = prefixed('sub').meta({ id: 'PairwiseSubject' })

export type MemberId = z.infer<typeof MemberId>
export type MembershipId = z.infer<typeof MembershipId>
export type LinkId = z.infer<typeof LinkId>
export type EntitlementId = z.infer<typeof EntitlementId>
export type BatchId = z.infer<typeof BatchId>
export type StatementId = z.infer<typeof StatementId>
export type PaymentId = z.infer<typeof PaymentId>
export type ExceptionId = z.infer<typeof ExceptionId>
export type EventId = z.infer<typeof EventId>
export type PairwiseSubject = z.infer<typeof PairwiseSubject>
