import { createHash } from 'node:crypto'
import type { Money } from '../../schemas/money.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type SignatureVerifier, TokenRefused } from '../../sdk/index.ts'
import type { PartnerGateway } from './partner-gateway.ts'
import type { Pass } from './partner-unlock.ts'

/** A use that the gateway has taken and signed for. */
export interface ReportedUse {
  readonly batch: string
  readonly sequence: number
  readonly benefit: string
  readonly occurredAt: Instant
  readonly amount?: Money
}

/** The gateway's answer to a report does not prove that it took it. `code` is stable. */
export class ReceiptRefused extends Error {
  override readonly name = 'ReceiptRefused'
  readonly code: string

  constructor(code: string, options?: ErrorOptions) {
    super(`the receipt proves nothing: ${code}`, options)
    this.code = code
  }
}

export interface UseRequest {
  readonly account: string
  /** Made when the button was shown, so that pressing it twice is one use. */
  readonly useId: string
  /** What unlocks the use; not needed for a use that is known. */
  readonly pass?: Pass
}

interface Needs {
  readonly partner: string
  readonly gateway: Pick<PartnerGateway, 'report'>
  readonly receipts: SignatureVerifier
  readonly now: () => Instant
  /** What one use is worth here; absent where a use has no price. */
  readonly price?: Money | undefined
}

interface Attempt {
  readonly use: Omit<ReportedUse, 'batch' | 'sequence'>
  readonly line: string
  report?: Promise<ReportedUse> | undefined
}

const ATTEMPTS_KEPT = 500
const REPORTS_KEPT = 20

export type UsageDesk = ReturnType<typeof usageDesk>

/** Reports uses one by one, as they happen, and remembers those of this run. */
export function usageDesk(needs: Needs) {
  const attempts = new Map<string, Attempt>()
  const reports: { account: string; use: ReportedUse }[] = []

  const keyOf = ({ account, useId }: Omit<UseRequest, 'pass'>) => JSON.stringify([account, useId])

  function attemptOf({ pass, ...asked }: UseRequest): Attempt {
    const known = attempts.get(keyOf(asked))
    if (known) return known
    if (!pass) throw new Error('a new use needs a verified pass')
    const attempt = newAttempt(needs, asked.useId, pass)
    attempts.set(keyOf(asked), attempt)
    const [oldest] = attempts.keys()
    if (attempts.size > ATTEMPTS_KEPT && oldest !== undefined) attempts.delete(oldest)
    return attempt
  }

  async function send(attempt: Attempt, account: string): Promise<ReportedUse> {
    const receipt = await needs.gateway.report(attempt.line, { count: 1, quantity: 1 })
    await checkReceipt(needs.receipts, receipt, attempt.line)
    const use = { ...attempt.use, batch: receipt.id, sequence: receipt.sequence }
    reports.unshift({ account, use })
    reports.length = Math.min(reports.length, REPORTS_KEPT)
    return use
  }

  return {
    /**
     * Reports one use. Repeating a request repeats its bytes, which the gateway counts once however often they come.
     * @throws GatewayRefused, GatewayUnreachable, ReceiptRefused
     */
    async use(request: UseRequest): Promise<ReportedUse> {
      const attempt = attemptOf(request)
      attempt.report ??= send(attempt, request.account)
      try {
        return await attempt.report
      } catch (error) {
        attempt.report = undefined
        throw error
      }
    },
    /** Whether a use has been tried already: its bytes are fixed then, also when the report failed. */
    known: (asked: Omit<UseRequest, 'pass'>): boolean => attempts.has(keyOf(asked)),
    /** Newest first, of all accounts: for lists that name no account. */
    recent: (): ReportedUse[] => reports.map(({ use }) => use),
    /** A report of this account, if it is among the recent ones. */
    find: (account: string, batch: string): ReportedUse | undefined =>
      reports.find(report => report.account === account && report.use.batch === batch)?.use,
  }
}

function newAttempt({ partner, now, price }: Needs, useId: string, { token, entitlement }: Pass): Attempt {
  const use = { benefit: entitlement.benefit, occurredAt: now(), ...(price && { amount: price }) }
  const event = {
    id: `${partner}-${useId}`,
    entitlementId: entitlement.id,
    ...use,
    subject: token.subject,
    quantity: 1,
    tokenId: token.tokenId,
  }
  return { use, line: `${JSON.stringify(event)}\n` }
}

interface Receipt {
  readonly id: string
  readonly sequence: number
  readonly lines: number
  readonly malformed: readonly unknown[]
  readonly receipt: string
}

/** A partner keeps the signed receipt, not the answer around it: only what is signed counts in a dispute. */
async function checkReceipt(receipts: SignatureVerifier, answer: Receipt, line: string): Promise<void> {
  if (answer.malformed.length > 0) throw new ReceiptRefused('line-malformed')
  const claims = await receipts.verify(answer.receipt).catch((error: unknown) => {
    if (error instanceof TokenRefused) throw new ReceiptRefused(error.code, { cause: error })
    throw error
  })
  const { bat, seq, lines, digest } = claims
  if (digest !== createHash('sha256').update(line).digest('hex')) throw new ReceiptRefused('receipt-of-other-bytes')
  if (bat !== answer.id || seq !== answer.sequence || lines !== 1) throw new ReceiptRefused('receipt-of-other-batch')
}
