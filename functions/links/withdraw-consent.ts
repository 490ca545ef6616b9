import type { LinkId } from '../../schemas/ids.ts'
import type { Now } from '../kernel/clock.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { partnerRegistration } from '../partners/find-partner.ts'
import { type Registration, registrationAt } from '../partners/registration.ts'
import type { Vault } from '../tokens/vault.ts'
import { findPartnerToken } from './partner-token.ts'

type Needs = {
  table: Table
  vault: Vault
  now: Now
  log: Log
  /** A client of OpenID providers, which calls partner-supplied addresses by the guarded fetch only. */
  openid: { revoke: (registration: Registration, refreshToken: string) => Promise<void> }
}
type Withdrawn = { id: LinkId; partner: string }

/** Withdraws at the partner what a member agreed to there, before the link ends. It never fails. */
export type Withdraw = (link: Withdrawn) => Promise<void>

/** For discovery and revocation together; a partner that needs longer does not hold up who waits for it. */
const patience = { milliseconds: 8_000 }

/**
 * Withdraws at the partner what the member agreed to there (RFC 7009), if a token of it is kept. The token is read now,
 * since it goes with the link; what is returned is called once that is committed. It never fails: the link has ended,
 * whatever the partner makes of it.
 */
export async function consentWithdrawal(
  needs: Needs,
  { id, partner }: Withdrawn,
  within = patience,
): Promise<() => Promise<void>> {
  const token = await findPartnerToken(needs, id).catch(revocationFailed(needs, partner))
  return async () => {
    if (token !== undefined) await discardToken(needs, partner, token, within)
  }
}

/** The same at once, for who must be able to do it again after a crash: a token that is revoked already is no error. */
export const withdrawBy =
  (needs: Needs, within = patience): Withdraw =>
  async link =>
    (await consentWithdrawal(needs, link, within))()

/** For a token that nobody needs; it never fails, and takes no longer than it may. */
export async function discardToken(
  needs: Needs,
  partner: string,
  refreshToken: string,
  { milliseconds } = patience,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLong = new Promise<never>((_done, fail) => {
    const late = () => fail(new Refusal('partner-unavailable', 'it did not answer in time'))
    timer = setTimeout(late, milliseconds)
  })
  await Promise.race([revokeAt(needs, partner, refreshToken), tooLong])
    .catch(revocationFailed(needs, partner))
    .finally(() => clearTimeout(timer))
}

async function revokeAt(needs: Needs, id: string, refreshToken: string): Promise<void> {
  const { partner, clientSecret } = await partnerRegistration(needs, id)
  await needs.openid.revoke(registrationAt(needs, partner, clientSecret), refreshToken)
}

const revocationFailed =
  ({ log }: Pick<Needs, 'log'>, partner: string) =>
  (error: unknown) => {
    const fields = error instanceof Refusal ? { code: error.code } : errorFields(error)
    log('warn', 'partner-revocation-failed', { partner, ...fields })
    return undefined
  }
