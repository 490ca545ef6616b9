import type { SignatureVerifier } from './receipt.ts'
import { faultsOf, type PointedFault, type SentBatch } from './reporter-batch.ts'
import { isRecord } from './reporter-event.ts'

/** What the issuer has signed for: that it holds these bytes, at this place of the partner's chain. */
export interface UsageReceipt {
  readonly batchId: string
  readonly sequence: number
  readonly hash: string
  readonly previousHash: string
  /** SHA-256 of the batch's bytes, lower-case hexadecimal. */
  readonly digest: string
  readonly lines: number
  /** Lines that were stored but can never be billed. */
  readonly malformed: number
  /** Sum of the quantities of the well-formed lines. */
  readonly quantity: number
  /** Epoch seconds. */
  readonly issuedAt: number
  /** The signed receipt itself: keep it, it is what counts in a dispute. */
  readonly token: string
}

export interface MalformedLine {
  readonly line: number
  readonly errors: readonly PointedFault[]
}

export interface ReceivedReceipt {
  readonly receipt: UsageReceipt
  readonly malformed: readonly MalformedLine[]
}

/** The answer does not prove that the gateway holds the batch. */
export class ReceiptRefused extends Error {
  override readonly name = 'ReceiptRefused'
  readonly code: 'answer-unreadable' | 'receipt-refused' | 'receipt-of-other-batch'

  constructor(code: ReceiptRefused['code'], options?: ErrorOptions) {
    super(`the answer proves nothing: ${code}`, options)
    this.code = code
  }
}

const HASH = /^[0-9a-f]{64}$/

/**
 * Checks the gateway's answer to a batch: the receipt's signature, that it speaks of these bytes, and that the unsigned
 * answer around it says nothing else.
 * @throws ReceiptRefused with the verifier's refusal as its cause where there is one
 */
export async function readReceipt(
  body: unknown,
  batch: SentBatch,
  receipts: SignatureVerifier,
): Promise<ReceivedReceipt> {
  const answer = readAnswer(body, batch)
  const claims = await receipts.verify(answer.token).catch(cause => {
    throw new ReceiptRefused('receipt-refused', { cause })
  })
  const { prev: previousHash, hash, iat: issuedAt, quantity } = claims
  if (typeof previousHash !== 'string' || typeof hash !== 'string' || !HASH.test(previousHash) || !HASH.test(hash)) {
    throw new ReceiptRefused('answer-unreadable')
  }
  if (typeof issuedAt !== 'number') throw new ReceiptRefused('answer-unreadable')
  // Which lines are malformed is told unsigned; how many there are, and what the others add up to, is signed.
  const refused = answer.malformed.reduce((sum, { line }) => sum + (batch.lines[line - 1]?.quantity ?? 0), 0)
  const same =
    claims['digest'] === batch.digest &&
    claims['lines'] === batch.lines.length &&
    claims['malformed'] === answer.malformed.length &&
    quantity === batch.quantity - refused &&
    claims['bat'] === answer.id &&
    claims['seq'] === answer.sequence
  if (!same) throw new ReceiptRefused('receipt-of-other-batch')
  const receipt = Object.freeze({
    batchId: answer.id,
    sequence: answer.sequence,
    hash,
    previousHash,
    digest: batch.digest,
    lines: batch.lines.length,
    malformed: answer.malformed.length,
    quantity: batch.quantity - refused,
    issuedAt,
    token: answer.token,
  })
  return { receipt, malformed: answer.malformed }
}

interface Answer {
  readonly id: string
  readonly sequence: number
  readonly malformed: readonly MalformedLine[]
  readonly token: string
}

function readAnswer(body: unknown, batch: SentBatch): Answer {
  const unreadable = new ReceiptRefused('answer-unreadable')
  if (!isRecord(body)) throw unreadable
  const { id, sequence, malformed, receipt: token } = body
  if (typeof id !== 'string' || id === '' || typeof token !== 'string') throw unreadable
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 1) throw unreadable
  if (!Array.isArray(malformed)) throw unreadable
  const lines = malformed.map((told): MalformedLine => {
    const line = isRecord(told) ? told['line'] : undefined
    const errors = isRecord(told) ? faultsOf(told['errors']) : undefined
    if (typeof line !== 'number' || batch.lines[line - 1] === undefined || errors === undefined) throw unreadable
    return { line, errors }
  })
  if (new Set(lines.map(({ line }) => line)).size !== lines.length) throw unreadable
  return { id, sequence, malformed: lines, token }
}
