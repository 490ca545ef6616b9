import { boundedNumbers } from './bounds.ts'
import { epochSeconds } from './clock.ts'
import { readPayload } from './compact.ts'
import { present, readEntitlementToken, type VerifiedEntitlements } from './entitlements.ts'
import {
  createIssuerKeys,
  fetchOf,
  type IssuerKeys,
  type IssuerKeysOptions,
  KEY_BOUNDS,
  type KeyLimits,
} from './issuer-keys.ts'
import { issuerBase } from './issuer-url.ts'
import { createOpener, type HighSPolicy } from './signed.ts'
import { createStatusCheck, type OnStaleStatus, type StatusCheck } from './status-check.ts'
import { createStatusLists, STATUS_BOUNDS, type StatusLimits } from './status-lists.ts'
import { createTokenCache, type RememberedToken } from './token-cache.ts'

export const ENTITLEMENT_TOKEN_TYP = 'benefit-entitlement+jwt'

export interface VerifierOptions extends IssuerKeysOptions {
  /** The partner's own id: the one string that `aud` must be. */
  readonly audience: string
  /**
   * Whether to look the token up in the issuer's status list, which refuses what has been revoked or suspended since the
   * token was made. Default false: then the kit works offline but for the issuer's keys, and a token is good until `exp`.
   */
  readonly checkStatus?: boolean | undefined
  /** What passes while no fresh status list can be had; only with `checkStatus`. Default `fail-closed`. */
  readonly onStaleStatus?: OnStaleStatus | undefined
  /** Whether verified tokens are remembered, and how many. Default true: 1,000. */
  readonly cache?: boolean | { readonly maxTokens: number } | undefined
  /** Default `refuse`. `accept` is for an issuer with an ordinary signer. */
  readonly highS?: HighSPolicy | undefined
  readonly limits?: Partial<KeyLimits & StatusLimits> | undefined
}

export interface Verifier {
  /** @throws TokenRefused with a stable `code`; any other error is a fault of the caller's set-up */
  verify(token: string): Promise<VerifiedEntitlements>
}

const DEFAULT_MAX_TOKENS = 1000

/**
 * Verifies benefit-entitlement tokens of one issuer for one partner. Make it once and keep it: it holds the keys, the
 * status lists and the tokens verified before.
 * @throws TypeError when the options cannot be right
 * @throws RangeError that names a wrong limit
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, now = epochSeconds, highS } = options
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a non-empty string')
  const keys = createIssuerKeys(options)
  const open = createOpener({ keys, now, typ: ENTITLEMENT_TOKEN_TYP, highS })
  const parties = { issuer, audience }
  const status = statusCheckOf(options, keys)
  const maxTokens = maxTokensOf(options.cache)
  const tokens = createTokenCache(maxTokens)

  function judge(token: string, opening: Opening, at: number): RememberedToken {
    const reading = readEntitlementToken(opening.claims, parties, at)
    const answer = present(reading, status === undefined ? 'unchecked' : 'valid')
    const readUntil = Math.min(reading.expiresAt, ...reading.entitlements.map(({ validUntil }) => validUntil))
    const judged = { ...opening, reading, answer, readFrom: at, readUntil }
    if (maxTokens > 0) tokens.put(token, judged)
    return judged
  }

  /** The token as it reads at that moment: remembered claims are judged anew once it lies outside their time. */
  function current(token: string, known: RememberedToken, at: number): RememberedToken {
    if (at >= known.readFrom && at < known.readUntil) return known
    tokens.drop(token)
    return judge(token, known, at)
  }

  async function answerTo(token: string, judged: RememberedToken): Promise<VerifiedEntitlements> {
    if (status === undefined) return judged.answer
    const consulted = await status.consult(judged.reading)
    // The token may have died while the list was under way.
    return status.decide(current(token, judged, now()).reading, consulted)
  }

  async function verifyWhole(token: string): Promise<VerifiedEntitlements> {
    const { payload, kid, key } = await open(token)
    return await answerTo(token, judge(token, { kid, key, claims: readPayload(payload) }, now()))
  }

  async function verifyRemembered(token: string, known: RememberedToken): Promise<VerifiedEntitlements> {
    const key = keys.held(known.kid, now()) ?? (await keys.key(known.kid))
    if (key !== known.key) return await verifyWhole(token)
    const at = now()
    const judged = current(token, known, at)
    if (status === undefined || status.isKnownValid(judged.reading, at)) return judged.answer
    return await answerTo(token, judged)
  }

  return {
    verify(token) {
      const known = tokens.get(token)
      return known === undefined ? verifyWhole(token) : verifyRemembered(token, known)
    },
  }
}

type Opening = Pick<RememberedToken, 'kid' | 'key' | 'claims'>

function statusCheckOf(options: VerifierOptions, keys: IssuerKeys): StatusCheck | undefined {
  const { issuer, audience, checkStatus = false, onStaleStatus = 'fail-closed', now = epochSeconds } = options
  const isPolicy =
    typeof onStaleStatus === 'function' || onStaleStatus === 'fail-closed' || onStaleStatus === 'fail-open'
  if (!isPolicy) throw new TypeError("onStaleStatus must be 'fail-closed', 'fail-open' or a function of the benefit")
  // Read also where nothing is checked, so that a wrong limit does not wait for the day that somebody turns it on.
  const limits = boundedNumbers({ ...KEY_BOUNDS, ...STATUS_BOUNDS }, options.limits, 'limits.')
  if (!checkStatus) {
    if (options.onStaleStatus === undefined) return undefined
    throw new TypeError('onStaleStatus needs checkStatus: true')
  }
  const lists = createStatusLists({ issuer, fetch: fetchOf(options), now, keys, highS: options.highS, limits })
  return createStatusCheck({ base: issuerBase(issuer), audience, lists, onStaleStatus })
}

function maxTokensOf(cache: VerifierOptions['cache'] = true): number {
  if (cache === true) return DEFAULT_MAX_TOKENS
  const maxTokens = cache === false ? 0 : cache.maxTokens
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0) throw new TypeError('cache.maxTokens must be a whole number')
  return maxTokens
}
