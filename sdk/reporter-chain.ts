import { CLOCK_TOLERANCE_SECONDS } from './clock.ts'
import { ReceiptChainBroken } from './reporter-errors.ts'
import type { UsageReceipt } from './reporter-receipt.ts'

/** The end of a partner's chain of receipts: keep it, and a restart goes on where the last run ended. */
export interface ReceiptChain {
  /** 0 before the first batch. */
  readonly sequence: number
  /** `hash` of the receipt of this sequence, lower-case hexadecimal. */
  readonly hash: string
  /** Epoch seconds by the gateway's clock; without it a rollback of the chain may pass for a repeated answer. */
  readonly issuedAt?: number
}

export interface ChainStep {
  /** The end of the chain after this receipt. */
  readonly chain: ReceiptChain
  readonly broken?: ReceiptChainBroken
}

/** Before a partner's first batch: give it to a reporter that is to see the whole chain. */
export const CHAIN_START: ReceiptChain = Object.freeze({ sequence: 0, hash: '0'.repeat(64) })

/**
 * The end of a chain as it was kept outside the process.
 * @throws TypeError when it cannot be one
 */
export function judgeChain(chain: ReceiptChain | undefined): ReceiptChain | undefined {
  if (chain === undefined) return undefined
  const { sequence, hash, issuedAt = 0 } = chain
  const whole = Number.isSafeInteger(sequence) && sequence >= 0 && Number.isFinite(issuedAt)
  if (!whole || !/^[0-9a-f]{64}$/.test(hash)) throw new TypeError('chain must be { sequence, hash, issuedAt? }')
  return chain
}

/** Clocks of the gateway's processes may differ by this much. */

/**
 * Where a genuine receipt leaves the chain. A receipt at or before the known end is an answer given again, which is what
 * the same bytes get; it counts as that only where it cannot be a second history. Without a known end, the first receipt
 * is the beginning.
 */
export function followChain(known: ReceiptChain | undefined, receipt: UsageReceipt): ChainStep {
  const { sequence, hash, previousHash, issuedAt } = receipt
  const chain = { sequence, hash, issuedAt }
  const broken = (code: 'gap' | 'fork', from: ReceiptChain): ChainStep => ({
    chain,
    broken: new ReceiptChainBroken(code, from, { ...chain, previousHash }),
  })
  if (sequence === 1 && previousHash !== CHAIN_START.hash) return broken('fork', CHAIN_START)
  if (known === undefined) return { chain }
  if (sequence > known.sequence + 1) return broken('gap', known)
  if (sequence === known.sequence + 1) return previousHash === known.hash ? { chain } : broken('fork', known)
  const again = sequence === known.sequence ? hash === known.hash : !isYounger(issuedAt, known)
  return again ? { chain: known } : broken('fork', known)
}

/** An answer given again is as old as its batch; one made after the known end, with a lower number, is new history. */
function isYounger(issuedAt: number, known: ReceiptChain): boolean {
  return known.issuedAt !== undefined && issuedAt > known.issuedAt + CLOCK_TOLERANCE_SECONDS
}
