import type { BatchId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { BatchReceipt, Manifest, UsageHead } from '../../schemas/usage.ts'
import { genesisHash, hashOf, sha256 } from '../kernel/canonical.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { contentId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, Conflict, type Table } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { type ControlTotals, checkControlTotals } from './control-totals.ts'
import { type ParsedLine, parseBatch, type UsageMediaType } from './parse.ts'
import { packLines, type Segment } from './segments.ts'
import { announceBatch, commitManifest, findHead, findManifest, findPointer, storeChunk } from './store.ts'

export type ReceiveNeeds = {
  table: Table
  now: Now
  keys: Pick<KeyRing, 'sign'>
  /** `iss` of the receipts. */
  issuer: string
  /** The oldest open period of each programme; asked once for each partner, when its chain begins. */
  oldestOpenPeriods: () => Promise<Record<string, Period>>
}
export type BatchRequest = ControlTotals & { partner: string; body: Uint8Array; mediaType: UsageMediaType }

/** A batch that never commits is swept after a day, long after its sender's last retry. */
const receivingSeconds = 86_400
const attempts = 10

/**
 * Stores a batch whole or not at all: chunks first, then manifest, chain and pointer in one transaction. The same
 * bytes again are the same batch and get the first answer, however often they are sent.
 * @throws Refusal as `parseBatch` and `checkControlTotals` do; busy when rivals kept it from committing
 */
export async function receiveBatch(needs: ReceiveNeeds, request: BatchRequest): Promise<BatchReceipt> {
  const { partner, body, mediaType } = request
  const parsed = parseBatch(body, mediaType)
  const facts = factsOf(parsed, sha256(body))
  checkControlTotals(request, facts)
  const segments = packLines(parsed.map(line => line.bytes))
  const batch: Batch = { ...facts, id: batchIdOf(partner, facts.digest, mediaType), partner, chunks: segments.length }
  const manifest = await store(needs, batch, segments)
  return {
    id: manifest.id,
    sequence: manifest.sequence,
    lines: manifest.lines,
    malformed: malformedOf(parsed),
    receipt: manifest.receipt,
  }
}

type Facts = { lines: number; malformed: number; quantity: number; digest: string }
type Batch = Facts & { id: BatchId; partner: string; chunks: number }

/** Where nearly nothing is right, the first error of a line tells enough, and the answer stays under Lambda's 6 MB. */
const fullyTold = 1_000

function malformedOf(parsed: ParsedLine[]): BatchReceipt['malformed'] {
  const malformed = parsed.flatMap(({ line, errors }) => (errors ? [{ line, errors }] : []))
  if (malformed.length <= fullyTold) return malformed
  return malformed.map(({ line, errors }) => ({ line, errors: errors.slice(0, 1) }))
}

const factsOf = (parsed: ParsedLine[], digest: string): Facts => ({
  lines: parsed.length,
  malformed: parsed.filter(line => line.errors).length,
  quantity: parsed.reduce((sum, { event }) => sum + (event?.quantity ?? 0), 0),
  digest,
})

/** The same bytes under the other media type are other lines, so the type is part of the content. */
const batchIdOf = (partner: string, digest: string, mediaType: UsageMediaType): BatchId =>
  contentId<BatchId>('bat', partner, digest, ...(mediaType === 'application/json' ? ['json'] : []))

async function store(needs: ReceiveNeeds, batch: Batch, segments: Segment[]): Promise<Manifest> {
  let stored = false
  try {
    return await againOnConflict(async () => {
      const pointer = await findPointer(needs.table, batch.partner, batch.id)
      if (pointer?.state === 'committed') return committed(needs.table, batch.partner, pointer.sequence)
      if (pointer?.state === 'sweeping')
        throw new Refusal('busy', 'an earlier try is being cleared away; send it again')
      if (!stored || !pointer) await storeChunks(needs, batch, segments)
      stored = true
      return commit(needs, batch)
    }, attempts)
  } catch (error) {
    if (error instanceof Conflict) throw new Refusal('busy', 'many batches at once; send it again')
    throw error
  }
}

async function committed(table: Table, partner: string, sequence = 0): Promise<Manifest> {
  const manifest = await findManifest(table, partner, sequence)
  if (!manifest) throw new Error(`the manifest ${sequence} of ${partner} is missing`)
  return manifest
}

async function storeChunks({ table, now }: ReceiveNeeds, { id, partner, chunks }: Batch, segments: Segment[]) {
  await announceBatch(table, { id, partner, state: 'receiving', chunks }, epochSeconds(now()) + receivingSeconds)
  await Promise.all(segments.map((segment, index) => storeChunk(table, partner, { batch: id, index, ...segment })))
}

async function commit({ table, now, keys, issuer, oldestOpenPeriods }: ReceiveNeeds, batch: Batch): Promise<Manifest> {
  const before = (await findHead(table, batch.partner)) ?? emptyHead(batch.partner, await oldestOpenPeriods())
  const facts = {
    ...batch,
    sequence: before.sequence + 1,
    receivedAt: now(),
    oldestOpen: before.oldestOpen,
    previousHash: before.hash,
  }
  const hash = hashOf(facts)
  const receipt = await keys.sign('statement', tokenTypes.receipt, {
    iss: issuer,
    aud: batch.partner,
    iat: epochSeconds(facts.receivedAt),
    bat: batch.id,
    digest: batch.digest,
    lines: batch.lines,
    malformed: batch.malformed,
    quantity: batch.quantity,
    seq: facts.sequence,
    prev: facts.previousHash,
    hash,
  })
  const manifest = { ...facts, hash, receipt }
  await commitManifest(table, manifest, headAfter(before, manifest))
  return manifest
}

/** The head of a chain without batches, before it is written. */
export const emptyHead = (partner: string, oldestOpen: Record<string, Period>): UsageHead => ({
  partner,
  version: 0,
  sequence: 0,
  hash: genesisHash,
  lines: 0,
  quantity: 0,
  oldestOpen,
})

const headAfter = (before: UsageHead, { sequence, hash, lines, quantity }: Manifest): UsageHead => ({
  ...before,
  version: before.version + 1,
  sequence,
  hash,
  lines: before.lines + lines,
  // A sum for people to look at: it stands still rather than fail at the end of the exact integers.
  quantity: Math.min(before.quantity + quantity, Number.MAX_SAFE_INTEGER),
})
