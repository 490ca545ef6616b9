import { createHash } from 'node:crypto'
import { type Dictionary, parseDictionary } from 'structured-headers'
import { Refusal } from '../kernel/refusal.ts'

/** What the sender says of its batch, so that a truncated or mangled one is not stored. */
export type ControlTotals = {
  /** `Content-Digest` (RFC 9530). */
  contentDigest?: string | undefined
  controlCount?: number | undefined
  controlQuantity?: number | undefined
}

/** @throws Refusal control-total-mismatch */
export function checkControlTotals(
  { controlCount, controlQuantity }: ControlTotals,
  batch: { lines: number; quantity: number },
): void {
  if (controlCount !== undefined && controlCount !== batch.lines) throw mismatch(`it has ${batch.lines} lines`)
  if (controlQuantity !== undefined && controlQuantity !== batch.quantity)
    throw mismatch(`the quantities of its well-formed lines add up to ${batch.quantity}`)
}

const mismatch = (detail: string): Refusal => new Refusal('control-total-mismatch', `nothing was stored: ${detail}`)

/** Those of RFC 9530 that are not deprecated, by their bytes; others are passed over. */
const algorithms = { 'sha-256': 32, 'sha-512': 64 } as const
type Algorithm = keyof typeof algorithms

/**
 * The digests that `Content-Digest` states of the body as it is sent, its content coding included (RFC 9530 §2). Each
 * one that can be checked is checked.
 * @throws Refusal invalid-request when there is none that can be checked; `check` throws control-total-mismatch
 */
export function statedDigests(header: string | undefined) {
  const stated = header === undefined ? [] : digestsOf(header)
  const running = stated.map(({ algorithm, digest }) => ({
    algorithm,
    digest,
    hash: createHash(algorithm.replace('-', '')),
  }))
  return {
    update(sent: Uint8Array): void {
      for (const { hash } of running) hash.update(sent)
    },
    check(): void {
      for (const { algorithm, digest, hash } of running) {
        const found = hash.digest('base64')
        if (found !== digest) throw mismatch(`the body as it arrived has the digest ${algorithm}=:${found}:`)
      }
    },
  }
}

function digestsOf(header: string): { algorithm: Algorithm; digest: string }[] {
  const dictionary = dictionaryOf(header)
  const names = (Object.keys(algorithms) as Algorithm[]).filter(name => dictionary.has(name))
  if (names.length === 0) throw unreadable()
  return names.map(algorithm => {
    const [digest] = dictionary.get(algorithm) ?? []
    if (!(digest instanceof ArrayBuffer) || digest.byteLength !== algorithms[algorithm])
      throw new Refusal(
        'invalid-request',
        `the ${algorithm} of Content-Digest is no digest of ${algorithms[algorithm]} bytes between colons, in base64`,
      )
    return { algorithm, digest: Buffer.from(digest).toString('base64') }
  })
}

const unreadable = (): Refusal =>
  new Refusal('invalid-request', 'Content-Digest has no digest that can be checked, such as sha-256=:…: or sha-512=:…:')

function dictionaryOf(header: string): Dictionary {
  try {
    return parseDictionary(header)
  } catch {
    return new Map()
  }
}
