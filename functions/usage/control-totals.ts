import { type Dictionary, parseDictionary } from 'structured-headers'
import { Refusal } from '../kernel/refusal.ts'

/** What the sender says of its batch, so that a truncated or mangled one is not stored. */
export type ControlTotals = {
  /** `Content-Digest` (RFC 9530). */
  contentDigest?: string | undefined
  controlCount?: number | undefined
  controlQuantity?: number | undefined
}

/** @throws Refusal control-total-mismatch; invalid-request when the digest header cannot be read */
export function checkControlTotals(
  { contentDigest, controlCount, controlQuantity }: ControlTotals,
  batch: { digest: string; lines: number; quantity: number },
): void {
  const stated = contentDigest === undefined ? undefined : sha256Of(contentDigest)
  if (stated !== undefined && stated !== batch.digest) throw mismatch(`its SHA-256 is ${batch.digest}`)
  if (controlCount !== undefined && controlCount !== batch.lines) throw mismatch(`it has ${batch.lines} lines`)
  if (controlQuantity !== undefined && controlQuantity !== batch.quantity)
    throw mismatch(`the quantities of its well-formed lines add up to ${batch.quantity}`)
}

const mismatch = (detail: string): Refusal => new Refusal('control-total-mismatch', `nothing was stored: ${detail}`)

/** Algorithms other than sha-256 are passed over (RFC 9530 §2), unless there is none that can be checked. */
function sha256Of(header: string): string {
  const [digest] = dictionaryOf(header).get('sha-256') ?? []
  if (!(digest instanceof ArrayBuffer) || digest.byteLength !== 32)
    throw new Refusal('invalid-request', 'Content-Digest has no sha-256 digest such as sha-256=:…:')
  return Buffer.from(digest).toString('hex')
}

function dictionaryOf(header: string): Dictionary {
  try {
    return parseDictionary(header)
  } catch {
    return new Map()
  }
}
