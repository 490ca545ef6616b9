import type * as z from 'zod'
import type { Instant } from '../../schemas/primitives.ts'
import type { PointedError } from '../../schemas/usage.ts'

/** Every expected "no": its stable code, HTTP status and title. The only table of its kind. */
export const refusals = {
  'invalid-request': [400, 'The request is not valid'],
  'invalid-json': [400, 'The body is not JSON'],
  'empty-batch': [400, 'The batch has no lines'],
  unauthenticated: [401, 'A valid access token is needed'],
  'insufficient-scope': [403, 'The access token lacks the scope'],
  'staff-only': [403, 'These pages are for staff'],
  'finance-only': [403, 'Only the role finance may do this'],
  'not-yours': [403, 'This belongs to somebody else'],
  'csrf-token-mismatch': [403, 'The form has expired'],
  'not-found': [404, 'There is nothing here'],
  'programme-not-found': [404, 'No such programme'],
  'partner-not-found': [404, 'No such partner'],
  'contract-not-found': [404, 'No such contract'],
  'membership-not-found': [404, 'No such membership'],
  'link-not-found': [404, 'No such link'],
  'batch-not-found': [404, 'No such usage batch'],
  'statement-not-found': [404, 'No such statement'],
  'line-not-found': [404, 'The statement has no such line'],
  'payment-not-found': [404, 'No such payment'],
  'brand-not-found': [404, 'No such brand'],
  'period-not-found': [404, 'No such period'],
  'status-list-not-found': [404, 'No such status list'],
  'redemption-not-found': [404, 'No such redemption'],
  'exception-not-found': [404, 'No such exception'],
  'key-not-found': [404, 'No such key'],
  'pass-not-found': [404, 'No such pass'],
  'method-not-allowed': [405, 'The method is not allowed here'],
  'price-mismatch': [409, 'The amount paid is not the price'],
  'plan-not-found': [409, 'The programme has no such plan'],
  'external-id-reused': [409, 'The external id names another sale'],
  'membership-exists': [409, 'The member already holds a membership of this programme'],
  'sum-too-large': [409, 'A sum is too large for a JSON number'],
  'download-too-large': [409, 'This is too much for one answer'],
  'wrong-state': [409, 'The state does not allow this'],
  'at-out-of-range': [409, 'The instant is not in the allowed range'],
  'already-entitled': [409, 'The account already has this benefit'],
  'account-linked-elsewhere': [409, 'The partner account is linked to another member'],
  'already-linked': [409, 'Another account of this partner is linked'],
  'relink-cooldown': [409, 'Another account may be linked only later'],
  'account-already-pays': [409, 'The partner account already pays for this itself'],
  'no-benefit-here': [409, 'The membership has no benefit at this partner'],
  'choice-not-possible': [409, 'This cannot be chosen'],
  'nothing-entitled': [409, 'The link has no live entitlement'],
  'not-entitled': [409, 'The link has no live entitlement to this benefit'],
  'quota-exhausted': [409, 'The quota has not enough left'],
  'redemption-settled': [409, 'The redemption is final already'],
  'exception-resolved': [409, 'The exception is resolved already'],
  'not-billable': [409, 'This cannot be billed'],
  'dispute-too-late': [409, 'The time to dispute is over'],
  'pass-already-redeemed': [409, 'The pass has been redeemed'],
  'pass-expired': [409, 'The pass has expired'],
  'programme-ambiguous': [409, 'The account has links in several programmes'],
  'contract-overlap': [409, 'Another contract covers the same benefit, direction and time'],
  'period-not-over': [409, 'The period is not over'],
  'earlier-period-open': [409, 'An earlier period is still open'],
  'period-not-closed': [409, 'The period is not closed'],
  'payment-not-due': [409, 'There is nothing to pay'],
  'payment-mismatch': [409, 'The amount is not what is due'],
  'payment-confirmed': [409, 'The payment is confirmed already'],
  'settlement-account-missing': [409, 'A brand has no settlement account'],
  'clock-backwards': [409, 'The clock moves only forward'],
  'request-in-progress': [409, 'The same request is being worked on'],
  'version-mismatch': [412, 'The document has changed'],
  'body-too-large': [413, 'The body is too large'],
  'too-many-events': [413, 'The batch has too many events'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'invalid-document': [422, 'The document has faults'],
  'control-total-mismatch': [422, 'The batch is not what its control totals say'],
  'idempotency-key-reused': [422, 'The idempotency key names another request'],
  'partner-unavailable': [502, 'The partner does not answer'],
  'sign-in-failed': [400, 'The sign-in did not work'],
  'link-failed': [400, 'The link did not work'],
  'link-state-reused': [400, 'This answer was used already'],
  'link-expired': [400, 'The attempt to link has expired'],
  'link-answer-mismatch': [400, 'The answer is not from the partner that was asked'],
  'link-claims-missing': [502, 'The partner did not say which account it is'],
  'device-code-unknown': [404, 'No device shows this code'],
  'interaction-expired': [400, 'The request of the partner has expired'],
  'too-many-attempts': [429, 'Too many attempts'],
  'partner-keys-unavailable': [503, 'The keys of the partner cannot be had'],
  busy: [503, 'Too many rivals at once'],
  'internal-error': [500, 'Something broke here'],
} as const satisfies Record<string, readonly [number, string]>

export type RefusalCode = keyof typeof refusals

type RefusalParts = {
  errors?: PointedError[] | undefined
  headers?: Record<string, string>
  at?: Instant | undefined
}

/** An expected "no". Anything else that is thrown is a bug and becomes `internal-error`. */
export class Refusal extends Error {
  readonly code: RefusalCode
  /** Faults of the request, each with a JSON pointer. */
  readonly errors: PointedError[] | undefined
  readonly headers: Record<string, string>
  /** From when on the answer would be another one, where the rule knows. */
  readonly at: Instant | undefined

  /** @param detail what is wrong and what to do next; the title unless given */
  constructor(code: RefusalCode, detail?: string, { errors, headers = {}, at }: RefusalParts = {}) {
    super(detail ?? refusals[code][1])
    this.name = 'Refusal'
    this.code = code
    this.errors = errors
    this.headers = headers
    this.at = at
  }
}

/** For a cursor that no page gave, or that of another list. */
export const notACursor = (): Refusal =>
  new Refusal('invalid-request', undefined, { errors: [{ pointer: '/cursor', detail: 'not a cursor' }] })

/** The entity tag of a versioned document (RFC 9110 §8.8.3); what does not exist yet has version 0. */
export const etagOf = (version: number | undefined): string => `"${version ?? 0}"`

/** Whether If-None-Match names the tag (RFC 9110 §13.1.2); weakly, since proxies that compress mark a tag as weak. */
export const isTagHeld = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch?.split(',') ?? []).some(tag => ['*', etag].includes(tag.trim().replace(/^W\//, '')))

/** @throws Refusal version-mismatch when the document has changed since the caller read it (RFC 9110 §13.1.1) */
export function requireVersion(ifMatch: string | undefined, version: number | undefined): void {
  const matches = ifMatch === '*' ? version !== undefined : ifMatch === etagOf(version)
  if (ifMatch !== undefined && !matches)
    throw new Refusal('version-mismatch', `the document has the entity tag ${etagOf(version)}: read it again`)
}

/** A condition did not hold or a rival was in the way: load again and decide again. */
export class Conflict extends Error {
  /** Indexes of the writes that were refused; empty when only a rival transaction was in the way. */
  readonly refused: number[]
  constructor(refused: number[]) {
    super('a conditional write was refused')
    this.name = 'Conflict'
    this.refused = refused
  }
}

/** `.catch(passOverConflict)`: for a write that an earlier run or a rival may have made already, with the same content. */
export function passOverConflict(error: unknown): void {
  if (!(error instanceof Conflict)) throw error
}

const longestPauseMilliseconds = 500

/**
 * Runs a load → decide → commit again when a rival got in between. The pauses grow and are drawn at random, so that
 * rivals part instead of meeting again.
 * @throws Conflict when the last attempt is refused too
 */
export async function againOnConflict<T>(attempt: () => Promise<T>, attempts = 12): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Conflict) || made >= attempts) throw error
      await new Promise(resolve =>
        setTimeout(resolve, Math.random() * Math.min(longestPauseMilliseconds, 2 ** made * 4)),
      )
    }
  }
}

/** A zod error as JSON pointers (RFC 6901); an unknown field is pointed at by its own name. */
export function pointedErrors(error: z.core.$ZodError): PointedError[] {
  return error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => ({ pointer: pointer([...issue.path, key]), detail: 'unknown field' }))
      : [{ pointer: pointer(issue.path), detail: issue.message }],
  )
}

/** Half a surrogate pair has no UTF-8 form: nobody could store or hash it. What is valid is shallow enough to walk. */
export function brokenTexts(value: unknown, path: string[] = []): PointedError[] {
  if (typeof value === 'string')
    return value.isWellFormed() ? [] : [{ pointer: pointer(path), detail: 'text of whole Unicode characters' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...brokenTexts(key, path),
    ...brokenTexts(inner, [...path, key]),
  ])
}

export const pointer = (path: readonly PropertyKey[]): string =>
  path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
