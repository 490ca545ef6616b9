import type { Fetch } from './bounded-fetch.ts'
import type { SignatureVerifier } from './receipt.ts'
import { type GatewayProblem, headersOf, problemOf, type UsageBatch } from './reporter-batch.ts'
import { type DeliveryFault, UsageUndelivered } from './reporter-errors.ts'
import { type Answer, type ExchangeBounds, ExchangeFailed, post } from './reporter-exchange.ts'
import { ReceiptRefused, type ReceivedReceipt, readReceipt } from './reporter-receipt.ts'
import { type AccessTokens, TokenUnavailable } from './reporter-token.ts'

/** How often and with which pauses one batch is tried before the reporter waits for the next occasion. */
export interface RetryPolicy {
  /** Default 6. */
  readonly attempts: number
  /** The pause doubles from here, default 500, and is shortened at random by up to a half. */
  readonly firstPauseMilliseconds: number
  /** Default 30,000. A longer `Retry-After` is heeded up to an hour. */
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
 * @throws UsageUndelivered when it is neither after as many attempts as the policy allows
 */
export async function deliver(needs: DeliveryNeeds, batch: UsageBatch): Promise<Delivered> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(needs, batch)
    if (outcome.kind !== 'failed') return outcome
    const { fault, passes, problem, cause } = outcome
    const told = { ...(problem && { problem }), ...(cause !== undefined && { cause }) }
    if (needs.closing.aborted) throw new UsageUndelivered('closing', attempt, told)
    if (!passes || attempt >= needs.retry.attempts) throw new UsageUndelivered(fault, attempt, told)
    await needs.sleep(pauseBefore(attempt, outcome, needs), needs.closing)
    if (needs.closing.aborted) throw new UsageUndelivered('closing', attempt, told)
  }
}

/** Jittered, so that partners which were cut off together do not come back together. */
function pauseBefore(
  attempt: number,
  { retryAfterMilliseconds = 0 }: Failed,
  { retry, random }: Pick<DeliveryNeeds, 'retry' | 'random'>,
): number {
  const whole = Math.min(retry.maxPauseMilliseconds, retry.firstPauseMilliseconds * 2 ** (attempt - 1))
  const pause = whole / 2 + (whole / 2) * random()
  return Math.max(pause, Math.min(retryAfterMilliseconds, MAX_RETRY_AFTER_MILLISECONDS))
}

async function attemptOnce(needs: DeliveryNeeds, batch: UsageBatch): Promise<Delivered | Failed> {
  try {
    let answer = await send(needs, batch, { withQuantity: true })
    // A line that the gateway alone finds malformed does not count in its sum. Digest and count still guard the bytes,
    // and the receipt's quantity is compared with the lines that it says are well-formed.
    if (answer.status === 422 && problemOf(422, answer.body).code === 'control-total-mismatch') {
      answer = await send(needs, batch, { withQuantity: false })
    }
    return await judge(answer, batch, needs.receipts)
  } catch (error) {
    return failureOf(error)
  }
}

async function send(
  needs: DeliveryNeeds,
  batch: UsageBatch,
  totals: { readonly withQuantity: boolean },
): Promise<Answer> {
  const { issuer, fetch, tokens, closing: signal, requestTimeoutMilliseconds: timeoutMilliseconds } = needs
  const bounds: ExchangeBounds = { timeoutMilliseconds, maxBytes: MAX_ANSWER_BYTES, signal }
  const url = `${issuer.replace(/\/$/, '')}/v1/usage-batches`
  const once = async () => {
    const token = await accessToken(tokens, bounds)
    const headers = { ...headersOf(batch, totals), authorization: `Bearer ${token}` }
    return { token, answer: await post(fetch, url, { headers, body: batch.bytes }, bounds) }
  }
  const { token, answer } = await once()
  if (answer.status !== 401) return answer
  // The token may have died early, or the gateway's keys may have changed: one new token, no more.
  tokens.forget(token)
  return (await once()).answer
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

async function judge(answer: Answer, batch: UsageBatch, receipts: SignatureVerifier): Promise<Delivered | Failed> {
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
  return { kind: 'rejected', problem }
}

const isBusy = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500

function failureOf(error: unknown): Failed {
  if (error instanceof ExchangeFailed) {
    return { kind: 'failed', fault: 'gateway-unreachable', passes: true, cause: error }
  }
  if (error instanceof OwnTokenFailed) {
    return { kind: 'failed', fault: 'token-unavailable', passes: true, cause: error.cause }
  }
  if (error instanceof TokenUnavailable) {
    const { problem } = error
    const passes = isBusy(problem.status)
    return { kind: 'failed', fault: passes ? 'token-unavailable' : 'caller-refused', passes, problem, cause: error }
  }
  // An answer that proves nothing may be a broken proxy's: the true one is to be had with the same bytes.
  if (error instanceof ReceiptRefused) return { kind: 'failed', fault: error.code, passes: true, cause: error }
  throw error
}
