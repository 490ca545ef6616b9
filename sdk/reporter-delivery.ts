import type { ExchangeBounds, Fetch } from './bounded-fetch.ts'
import { issuerBase } from './issuer-url.ts'
import type { SignatureVerifier } from './receipt.ts'
import { type GatewayProblem, problemOf, type SentBatch, wireOf } from './reporter-batch.ts'
import { type DeliveryFault, UsageUndelivered } from './reporter-errors.ts'
import { type Answer, ExchangeFailed, post } from './reporter-exchange.ts'
import { ReceiptRefused, type ReceivedReceipt, readReceipt } from './reporter-receipt.ts'
import { type AccessTokens, TokenUnavailable } from './reporter-token.ts'

/** How often and with which pauses one batch is tried before the reporter waits for the next occasion. */
export interface RetryPolicy {
  /** Default 6. */
  readonly attempts: number
  /** The pause doubles from here, default 500, and is shortened at random by up to a half. */
  readonly firstPauseMilliseconds: number
  /** Default 30,000. A longer `Retry-After`, up to an hour, ends the round: the next one begins when it is over. */
  readonly maxPauseMilliseconds: number
}

export interface DeliveryNeeds {
  readonly issuer: string
  readonly fetch: Fetch
  readonly tokens: AccessTokens
  readonly receipts: SignatureVerifier
  readonly retry: RetryPolicy
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** From 0 up to 1. */
  readonly random: () => number
  readonly requestTimeoutMilliseconds: number
  /** Whether batches that are worth it are sent under gzip; remembered where it turns out that nobody takes it. */
  readonly coding: { gzip: boolean }
  /** Ends pauses and exchanges: the reporter is being closed. */
  readonly closing: AbortSignal
}

export type Delivered =
  | ({ readonly kind: 'accepted' } & ReceivedReceipt)
  | { readonly kind: 'rejected'; readonly problem: GatewayProblem }

type Failed = {
  readonly kind: 'failed'
  readonly fault: DeliveryFault
  /** Whether the same bytes may fare better in a moment. */
  readonly passes: boolean
  readonly retryAfterMilliseconds?: number
  readonly problem?: GatewayProblem
  readonly cause?: unknown
}

const MAX_ANSWER_BYTES = 8_000_000
const MAX_RETRY_AFTER_MILLISECONDS = 3_600_000

/**
 * Sends one batch until it is accepted or rejected, always with the same bytes.
 * @throws UsageUndelivered when it is neither after as many attempts as the policy allows, or when the gateway asks for
 * a longer pause than the policy has
 */
export async function deliver(needs: DeliveryNeeds, batch: SentBatch): Promise<Delivered> {
  const { retry, closing } = needs
  if (closing.aborted) throw new UsageUndelivered('closing', 0)
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(needs, batch)
    if (outcome.kind !== 'failed') return outcome
    const { fault, passes, problem, cause, retryAfterMilliseconds = 0 } = outcome
    const told = { ...(problem && { problem }), ...(cause !== undefined && { cause }) }
    if (closing.aborted) throw new UsageUndelivered('closing', attempt, told)
    if (retryAfterMilliseconds > retry.maxPauseMilliseconds) {
      const asked = Math.min(retryAfterMilliseconds, MAX_RETRY_AFTER_MILLISECONDS)
      throw new UsageUndelivered(fault, attempt, { ...told, retryAfterMilliseconds: asked })
    }
    if (!passes || attempt >= retry.attempts) throw new UsageUndelivered(fault, attempt, told)
    await needs.sleep(Math.max(pauseAfter(attempt, needs), retryAfterMilliseconds), closing)
    if (closing.aborted) throw new UsageUndelivered('closing', attempt, told)
  }
}

/** Jittered, so that partners which were cut off together do not come back together. */
function pauseAfter(attempt: number, { retry, random }: Pick<DeliveryNeeds, 'retry' | 'random'>): number {
  const whole = Math.min(retry.maxPauseMilliseconds, retry.firstPauseMilliseconds * 2 ** (attempt - 1))
  return whole / 2 + (whole / 2) * random()
}

async function attemptOnce(needs: DeliveryNeeds, batch: SentBatch): Promise<Delivered | Failed> {
  try {
    let answer = await send(needs, batch, { withQuantity: true })
    // A line that the gateway alone finds malformed does not count in its sum. Digest and count still guard the bytes,
    // and the receipt's quantity is compared with the lines that it says are well-formed.
    if (isMismatch(answer)) answer = await send(needs, batch, { withQuantity: false })
    return await judge(answer, batch, needs.receipts)
  } catch (error) {
    return failureOf(error)
  }
}

async function send(
  needs: DeliveryNeeds,
  batch: SentBatch,
  totals: { readonly withQuantity: boolean },
): Promise<Answer> {
  const { issuer, fetch, tokens, coding, closing: signal, requestTimeoutMilliseconds: timeoutMilliseconds } = needs
  const bounds: ExchangeBounds = { timeoutMilliseconds, maxBytes: MAX_ANSWER_BYTES, signal }
  const url = `${issuerBase(issuer)}/v1/usage-batches`
  let wire = await wireOf(batch, { ...totals, gzip: coding.gzip })
  let [isRenewed, isPlainInstead] = [false, false]
  for (;;) {
    const token = await accessToken(tokens, bounds)
    const headers = { ...wire.headers, authorization: `Bearer ${token}` }
    const answer = await post(fetch, url, { headers, body: wire.body }, bounds)
    if (answer.status === 401 && !isRenewed) {
      // The token may have died early, or the gateway's keys may have changed: one new token, no more.
      tokens.forget(token)
      isRenewed = true
    } else if (answer.status === 415 && 'content-encoding' in wire.headers) {
      // Who does not take gzip, the gateway or something before it, gets the same batch as it is.
      wire = await wireOf(batch, { ...totals, gzip: false })
      isPlainInstead = true
    } else {
      // Only where it was gzip that was refused are later batches spared the detour.
      if (isPlainInstead && answer.status !== 415) coding.gzip = false
      return answer
    }
  }
}

class OwnTokenFailed extends Error {
  override readonly name = 'OwnTokenFailed'
}

async function accessToken(tokens: AccessTokens, bounds: ExchangeBounds): Promise<string> {
  try {
    return await tokens.token(bounds)
  } catch (error) {
    if (error instanceof ExchangeFailed || error instanceof TokenUnavailable) throw error
    throw new OwnTokenFailed('the access token could not be had', { cause: error })
  }
}

async function judge(answer: Answer, batch: SentBatch, receipts: SignatureVerifier): Promise<Delivered | Failed> {
  const { status, body, retryAfterMilliseconds } = answer
  if (status === 202) return { kind: 'accepted', ...(await readReceipt(body, batch, receipts)) }
  const problem = problemOf(status, body)
  if (isBusy(status)) {
    const after = retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }
    return { kind: 'failed', fault: 'gateway-busy', passes: true, problem, ...after }
  }
  if (status < 300) return { kind: 'failed', fault: 'answer-unreadable', passes: true, problem }
  // These speak of the caller or its address book, not of the events: they would hit every batch alike.
  if (status < 400 || [401, 403, 404, 405, 407].includes(status)) {
    return { kind: 'failed', fault: 'caller-refused', passes: false, problem }
  }
  if (FINAL.get(problem.code) === status) return { kind: 'rejected', problem }
  // With digest and count alone it is no line's fault: the gateway has received other bytes, and stored nothing.
  return { kind: 'failed', fault: isMismatch(answer) ? 'batch-altered' : 'refused-on-the-way', passes: true, problem }
}

/** The gateway's own refusals of a batch, by code and status. Any other may be that of a proxy or a firewall. */
const FINAL: ReadonlyMap<string, number> = new Map([
  ['empty-batch', 400],
  ['invalid-json', 400],
  ['invalid-request', 400],
  ['body-too-large', 413],
  ['too-many-events', 413],
  ['unsupported-media-type', 415],
])

const isMismatch = ({ status, body }: Answer): boolean =>
  status === 422 && problemOf(status, body).code === 'control-total-mismatch'

const isBusy = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500

function failureOf(error: unknown): Failed {
  if (error instanceof ExchangeFailed) {
    return { kind: 'failed', fault: 'gateway-unreachable', passes: true, cause: error }
  }
  if (error instanceof OwnTokenFailed) {
    return { kind: 'failed', fault: 'token-unavailable', passes: true, cause: error.cause }
  }
  if (error instanceof TokenUnavailable) {
    const { problem, retryAfterMilliseconds } = error
    const passes = isBusy(problem.status)
    const after = retryAfterMilliseconds === undefined ? {} : { retryAfterMilliseconds }
    const fault = passes ? 'token-unavailable' : 'caller-refused'
    return { kind: 'failed', fault, passes, problem, cause: error, ...(passes && after) }
  }
  // An answer that proves nothing may be a broken proxy's: the true one is to be had with the same bytes.
  if (error instanceof ReceiptRefused) return { kind: 'failed', fault: error.code, passes: true, cause: error }
  throw error
}
