import type { AccountRecord, LinkedAccount } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal, type RefusalCode } from '../kernel/refusal.ts'

/** What the rules of linking may say; each has its page. */
export const linkRefusals = [
  'no-benefit-here',
  'already-linked',
  'account-linked-elsewhere',
  'relink-cooldown',
  'already-entitled',
  'account-already-pays',
] as const satisfies RefusalCode[]

export type LinkGrounds = {
  programme: Pick<Programme, 'id' | 'timeZone' | 'alreadyPaying'>
  partner: Pick<Partner, 'relinkCooldown'>
  /** The account the member would link, and what is known of it. */
  account: string
  known: AccountRecord | undefined
  /** The member's last link at this partner in this programme. */
  linked: LinkedAccount | undefined
  /** Benefits that another live link of the account holds. */
  held: string[]
  /** Until when the account pays the partner itself. */
  paidUntil: Instant | undefined
}

/**
 * Whether a member may link an account (domain.md "Link rules"): one-to-one, a cooldown before another account, no
 * second grant, and the programme's policy for accounts that already pay.
 * @returns from when the entitlements start, if that is not at once
 * @throws Refusal already-linked, account-linked-elsewhere, relink-cooldown, already-entitled, account-already-pays
 */
export function decideLink(grounds: LinkGrounds, now: Instant): { notBefore?: Instant } {
  const { programme, account, known, linked, held, paidUntil } = grounds
  if (linked?.state === 'active')
    throw new Refusal('already-linked', 'unlink the account that is linked before another one is linked')
  if (known?.live[programme.id])
    throw new Refusal('account-linked-elsewhere', 'the account is linked to another member of the programme')
  const free = linked && linked.account !== account && cooldownEnd(grounds, linked)
  if (free && isBefore(now, free))
    throw new Refusal('relink-cooldown', `another account may be linked from ${free} on`, { at: free })
  if (held.length > 0) throw new Refusal('already-entitled', `the account already has ${held.join(', ')}`)
  const paying = paidUntil !== undefined && isBefore(now, paidUntil)
  if (paying && programme.alreadyPaying === 'block')
    throw new Refusal('account-already-pays', `the account pays the partner itself until ${paidUntil}`, {
      at: paidUntil,
    })
  return paying && programme.alreadyPaying === 'defer' ? { notBefore: paidUntil } : {}
}

export type CooldownTerms = {
  programme: Pick<Programme, 'timeZone'>
  partner: Pick<Partner, 'relinkCooldown'>
}

/**
 * Until when a member whose last link is over waits before another account may be linked; undefined where there is no
 * wait, since the link stands or the old account was closed.
 */
export const cooldownEnd = (
  { partner, programme }: CooldownTerms,
  { endedAt, reason }: Pick<LinkedAccount, 'endedAt' | 'reason'>,
): Instant | undefined =>
  endedAt && reason !== 'account-closed' ? plusDuration(endedAt, partner.relinkCooldown, programme.timeZone) : undefined
