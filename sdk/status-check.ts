import { present, type StatusReference, type TokenReading, type VerifiedEntitlements } from './entitlements.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { type StatusList, statusAt } from './status-list.ts'
import type { Consulted, StatusLists } from './status-lists.ts'

export type StalePolicy = 'fail-closed' | 'fail-open'
/** What becomes of a benefit while no fresh status list can be had; by benefit id, or for all alike. */
export type OnStaleStatus = StalePolicy | ((benefit: string) => StalePolicy)

export interface StatusCheck {
  /**
   * Looks for the list that the token names.
   * @throws TokenRefused when it names none that may be asked for
   */
  consult(reading: TokenReading): Promise<Consulted>
  /** @throws TokenRefused when the token, or every entitlement in it, must not be honoured */
  decide(reading: TokenReading, consulted: Consulted): VerifiedEntitlements
  /**
   * Whether a fresh list at hand says that the token is valid; false when there is none at hand.
   * @throws TokenRefused
   */
  isKnownValid(reading: TokenReading, at: number): boolean
}

export interface StatusCheckOptions {
  /** The issuer without a slash at its end. */
  readonly base: string
  readonly audience: string
  readonly lists: StatusLists
  readonly onStaleStatus: OnStaleStatus
}

const VALID = 0
/** Status types of draft-ietf-oauth-status-list; whatever else an issuer may mean, it does not mean valid. */
const REFUSED_STATUSES: ReadonlyMap<number, RefusalCode> = new Map([
  [1, 'token-revoked'],
  [2, 'token-suspended'],
])
const LIST_NUMBER = /^(?:0|[1-9][0-9]{0,8})$/

/** Decides by the status list that a token names, after everything in the token itself has been found good. */
export function createStatusCheck({ base, audience, lists, onStaleStatus }: StatusCheckOptions): StatusCheck {
  const prefix = `${base}/status-lists/${encodeURIComponent(audience)}/`
  const policyOf = typeof onStaleStatus === 'function' ? onStaleStatus : () => onStaleStatus

  function referenceOf({ reference }: TokenReading): StatusReference {
    if (reference === undefined) throw new TokenRefused('status-missing')
    const { uri } = reference
    // Checked before anything is fetched: a token does not choose which host this partner calls.
    const own = uri.startsWith(prefix) && LIST_NUMBER.test(uri.slice(prefix.length))
    if (!own) throw new TokenRefused('status-list-foreign')
    return reference
  }

  return {
    isKnownValid(reading, at) {
      const { uri, index } = referenceOf(reading)
      const list = lists.held(uri, at)
      if (list === undefined) return false
      judgeStatus(list, index)
      return true
    },
    async consult(reading) {
      return await lists.consult(referenceOf(reading).uri)
    },
    decide(reading, { list, refusal }) {
      const { index } = referenceOf(reading)
      // A list that is no longer fresh still refuses what it says is revoked: only its good word has run out.
      if (list !== undefined) judgeStatus(list, index)
      if (refusal === undefined) return present(reading, 'valid')
      const benefits = [...new Set(reading.entitlements.map(({ benefit }) => benefit))]
      const withheld = benefits.filter(benefit => policyOf(benefit) !== 'fail-open')
      const entitlements = reading.entitlements.filter(({ benefit }) => !withheld.includes(benefit))
      if (entitlements.length === 0) throw refusal
      return present({ ...reading, entitlements }, 'stale', { withheld, staleReason: refusal.code })
    },
  }
}

function judgeStatus(list: StatusList, index: number): void {
  const status = statusAt(list, index)
  if (status !== VALID) throw new TokenRefused(REFUSED_STATUSES.get(status) ?? 'status-unknown')
}
