import type { VerifiedEntitlements } from './entitlements.ts'
import { TokenRefused } from './refused.ts'
import type { Verifier } from './verifier.ts'

/** A pass lives for a minute; what lives longer is a token of another use and no pass. */
const PASS_LIFE_SECONDS = 60
const LIFE_TOLERANCE_SECONDS = 5

/**
 * What remembers which passes were accepted. One verb, which must be atomic: of two tills that claim one pass at the same
 * time exactly one gets true.
 */
export interface PassClaims {
  /**
   * @param passId `jti` of the token
   * @param expiresAt epoch seconds, by the issuer's clock: after that the verifier refuses the pass anyway, so the claim
   *   may be forgotten. Let a store whose clock may differ keep it a few minutes longer.
   * @param token the pass itself, for claims that ask the gateway; never store or log it
   * @returns whether this is the first claim of the pass
   */
  claim(passId: string, expiresAt: number, token: string): boolean | Promise<boolean>
}

export interface PassDeskOptions {
  /** From `createVerifier`, for your own audience. */
  readonly verifier: Verifier
  /**
   * Default: the memory of this process, which is enough for one till. Several tills let the gateway decide
   * (`createGatewayPassClaims`) or share a store: one set-if-absent with an expiry (`SET pass:<id> 1 NX EX 300` in Redis,
   * a conditional put in DynamoDB). Otherwise one pass could be used at each till within its minute.
   */
  readonly claims?: PassClaims | undefined
}

export interface PassDesk {
  /**
   * Verifies a scanned pass and accepts it once. A pass that is refused is not claimed.
   * @throws TokenRefused with a code of the verifier, or `pass-too-long`, `pass-replayed`; what `claims` throws is passed
   *   on, and then the pass counts as not accepted
   */
  accept(token: string): Promise<VerifiedEntitlements>
}

/**
 * The desk where a till shows what it scanned. It works offline but for the issuer's keys.
 * @throws TypeError when the options cannot be right
 */
export function createPassDesk({ verifier, claims = createPassClaims() }: PassDeskOptions): PassDesk {
  if (typeof verifier?.verify !== 'function') throw new TypeError('verifier must be one of createVerifier')
  if (typeof claims?.claim !== 'function') throw new TypeError('claims must have claim(passId, expiresAt, token)')
  return {
    async accept(token) {
      const entitled = await verifier.verify(token)
      const { tokenId, issuedAt, expiresAt } = entitled
      if (expiresAt - issuedAt > PASS_LIFE_SECONDS + LIFE_TOLERANCE_SECONDS) throw new TokenRefused('pass-too-long')
      const isFirst = await claims.claim(tokenId, expiresAt, token)
      // Not merely truthy: a store's client may answer 'OK', 0 or a row, and a wrong guess would accept twice.
      if (typeof isFirst !== 'boolean') throw new TypeError('claim() must answer true or false')
      if (!isFirst) throw new TokenRefused('pass-replayed')
      return entitled
    },
  }
}

const MAX_CLAIMS = 10_000
/**
 * When one pass verifies that expires at T, the clock is not before T − 125 s: it lives for 65 s at most, and may come
 * from 60 s ahead of the clock. So whatever expires earlier than that is refused already, and no clock need be asked.
 */
const FORGET_AFTER_SECONDS = 125

/**
 * Claims in memory, for one till: at most 10,000 passes within two minutes.
 * @throws RangeError from `claim` when there are more: rather none is accepted than one twice
 */
function createPassClaims(): PassClaims {
  const expiries = new Map<string, number>()
  let latest = 0

  function forgetDead(): void {
    for (const [passId, expiresAt] of expiries) if (expiresAt <= latest - FORGET_AFTER_SECONDS) expiries.delete(passId)
  }

  return {
    claim(passId, expiresAt) {
      if (expiries.has(passId)) return false
      latest = Math.max(latest, expiresAt)
      if (expiries.size >= MAX_CLAIMS) forgetDead()
      if (expiries.size >= MAX_CLAIMS) throw new RangeError(`more than ${MAX_CLAIMS} passes within two minutes`)
      expiries.set(passId, expiresAt)
      return true
    },
  }
}
