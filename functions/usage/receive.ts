import type { BatchId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { BatchPointer, BatchReceipt, Manifest, UsageHead } from '../../schemas/usage.ts'
import { genesisHash, hashOf } from '../kernel/canonical.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { contentId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, Conflict, type Table } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { type ReadBatch, readBatch, type SentBatch } from './read-batch.ts'
import type { JudgedSegment } from './segments.ts'
import { announceBatch, commitManifest, findHead, findPointer, storeChunk } from './store.ts'
import { sweepBatch } from './sweep.ts'

export type ReceiveNeeds = {
  table: Table
  now: Now
  keys: Pick<KeyRing, 'sign'>
  /** `iss` of the receipts. */
  issuer: string
  /** The oldest open period of each programme; asked once for each partner, when its chain begins. */
  oldestOpenPeriods: () => Promise<Record<string, Period>>
}
export type BatchRequest = SentBatch & { partner: string }

/** A batch that never commits is swept after a day, long after its sender's last retry. */
const receivingSeconds = 86_400
const attempts = 10

/** Reads a batch and stores it. @throws Refusal as `readBatch` and `storeBatch` do */
export async function receiveBatch(needs: ReceiveNeeds, request: BatchRequest): Promise<BatchReceipt> {
  return storeBatch(needs, request.partner, await readBatch(request))
}

/**
 * Stores a batch whole or not at all: chunks first, then manifest, chain and pointer in one transaction. The same
 * bytes again are the same batch and get the first answer, however often they are sent.
 * @throws Refusal busy when rivals kept it from committing
 */
export async function storeBatch(needs: ReceiveNeeds, partner: string, read: ReadBatch): Promise<BatchReceipt> {
  const { digest, lines, quantity, malformed, segments } = read
  const batch = {
    id: batchIdOf(partner, read),
    partner,
    lines,
    malformed: malformed.length,
    quantity,
    chunks: segments.length,
    digest,
  }
  const { sequence, receipt } = await store(needs, batch, segments)
  return { id: batch.id, sequence, lines, malformed, receipt }
}

type Batch = Pick<Manifest, 'id' | 'partner' | 'lines' | 'malformed' | 'quantity' | 'chunks' | 'digest'>
type Stored = { sequence: number; receipt: string }

/** Made of the partner and the decoded bytes. The same bytes under the other media type are other lines. */
export const batchIdOf = (partner: string, { digest, mediaType }: Pick<ReadBatch, 'digest' | 'mediaType'>): BatchId =>
  contentId<BatchId>('bat', partner, digest, ...(mediaType === 'application/json' ? ['json'] : []))

async function store(needs: ReceiveNeeds, batch: Batch, segments: JudgedSegment[]): Promise<Stored> {
  let stored = false
  try {
    return await againOnConflict(async () => {
      const pointer = await findPointer(needs.table, batch.partner, batch.id)
      if (pointer?.state === 'committed') return committed(pointer)
      // A sweep that still runs finds its claim gone, and one that died would have kept the sender out for ever.
      if (pointer?.state === 'sweeping') await sweepBatch(needs, pointer)
      if (!stored || pointer?.state !== 'receiving') await storeChunks(needs, batch, segments)
      stored = true
      return commit(needs, batch)
    }, attempts)
  } catch (error) {
    if (error instanceof Conflict)
      throw new Refusal('busy', 'many batches at once; send it again', { headers: { 'retry-after': '1' } })
    throw error
  }
}

function committed({ id, sequence, receipt }: BatchPointer): Stored {
  if (sequence === undefined || receipt === undefined) throw new Error(`the committed batch ${id} has no receipt`)
  return { sequence, receipt }
}

async function storeChunks({ table, now }: ReceiveNeeds, { id, partner, chunks }: Batch, segments: JudgedSegment[]) {
  await announceBatch(table, { id, partner, state: 'receiving', chunks }, epochSeconds(now()) + receivingSeconds)
  await Promise.all(segments.map((segment, index) => storeChunk(table, partner, { batch: id, index, ...segment })))
}

async function commit({ table, now, keys, issuer, oldestOpenPeriods }: ReceiveNeeds, batch: Batch): Promise<Stored> {
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
  const manifest = { ...facts, hash }
  await commitManifest(table, { manifest, receipt, head: headAfter(before, manifest) })
  return { sequence: facts.sequence, receipt }
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
