import type { BatchId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { BatchPointer, BatchReceipt, MalformedLine, Manifest, UsageHead } from '../../schemas/usage.ts'
import { genesisHash, hashOf, sha256 } from '../kernel/canonical.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { contentId, type Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, Conflict, type Table } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { type ReadBatch, readBatch, type SentBatch } from './read-batch.ts'
import type { JudgedSegment } from './segments.ts'
import { announceBatch, chunksOfBatch, commitManifest, findHead, findPointer, storeChunk } from './store.ts'
import { sweepBatch, sweepUpload } from './sweep.ts'

export type ReceiveNeeds = {
  table: Table
  now: Now
  /** For what expires: a test clock moves business time only. */
  wallNow: Now
  random: Random
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
  const fingerprint = fingerprintOf(segments)
  const { pointer, sequence, receipt } = await store(needs, { ...batch, fingerprint }, segments)
  const answer = { id: batch.id, sequence, receipt }
  if (pointer === undefined || pointer.fingerprint === fingerprint) return { ...answer, lines, malformed }
  return { ...answer, ...(await toldAgain(needs.table, pointer, malformed)) }
}

/** Over the borders, the judgement and the bytes of the chunks. */
export const fingerprintOf = (segments: readonly JudgedSegment[]): string =>
  Buffer.from(
    hashOf(segments.map(({ firstLine, lines, malformed, data }) => [firstLine, lines, malformed, sha256(data)])),
    'hex',
  ).toString('base64url', 0, 16)

const byOlderRules = 'malformed by the rules that held when the batch was received'

/**
 * What was said of a batch when it was received, by other rules than those of today: which lines are malformed is stored,
 * and what is wrong with them is said as it would be today.
 */
async function toldAgain(table: Table, { partner, id }: BatchPointer, malformed: readonly MalformedLine[]) {
  const known = new Map(malformed.map(told => [told.line, told]))
  const told: MalformedLine[] = []
  let lines = 0
  for await (const chunk of chunksOfBatch(table, partner, id)) {
    lines += chunk.lines
    for (const line of chunk.malformed)
      told.push(known.get(line) ?? { line, errors: [{ pointer: '', detail: byOlderRules }] })
  }
  return { lines, malformed: told }
}

type Batch = Pick<Manifest, 'id' | 'partner' | 'lines' | 'malformed' | 'quantity' | 'chunks' | 'digest'>
type Received = Batch & { fingerprint: string }
/** `pointer` is there where the batch had been committed before. */
type Stored = { sequence: number; receipt: string; pointer?: BatchPointer }

/** Made of the partner and the decoded bytes. The same bytes under the other media type are other lines. */
export const batchIdOf = (partner: string, { digest, mediaType }: Pick<ReadBatch, 'digest' | 'mediaType'>): BatchId =>
  contentId<BatchId>('bat', partner, digest, ...(mediaType === 'application/json' ? ['json'] : []))

async function store(needs: ReceiveNeeds, batch: Received, segments: JudgedSegment[]): Promise<Stored> {
  let stored: BatchPointer | undefined
  try {
    return await againOnConflict(async () => {
      const pointer = await findPointer(needs.table, batch.partner, batch.id)
      if (pointer?.state === 'committed') return committed(pointer)
      // Under another pointer than that under which they were stored, the chunks may have been swept since.
      if (stored === undefined || pointer?.upload !== stored.upload)
        stored = await storeChunks(needs, batch, segments, pointer)
      return commit(needs, batch, stored)
    }, attempts)
  } catch (error) {
    if (error instanceof Conflict)
      throw new Refusal('busy', 'many batches at once; send it again', { headers: { 'retry-after': '1' } })
    throw error
  }
}

function committed(pointer: BatchPointer): Stored {
  const { id, sequence, receipt } = pointer
  if (sequence === undefined || receipt === undefined) throw new Error(`the committed batch ${id} has no receipt`)
  return { sequence, receipt, pointer }
}

/** Announces the batch, or joins who did, and stores its chunks. @returns the pointer under which they are stored */
async function storeChunks(
  needs: ReceiveNeeds,
  { id, partner, chunks, fingerprint }: Received,
  segments: JudgedSegment[],
  found: BatchPointer | undefined,
): Promise<BatchPointer> {
  const { table, wallNow, random } = needs
  const joined = found?.state === 'receiving' && found.upload !== undefined && found.fingerprint === fingerprint
  // A sweep that still runs finds its claim gone, and one that died would have kept the sender out for ever.
  if (found?.state === 'sweeping') await sweepBatch(needs, found)
  // Another release judged or cut the same bytes in its own way, and died or is about to give way.
  else if (found && !joined) await sweepUpload(needs, found)
  const announced: BatchPointer = joined
    ? found
    : { id, partner, state: 'receiving', chunks, fingerprint, upload: Buffer.from(random(12)).toString('base64url') }
  await announceBatch(table, announced, epochSeconds(wallNow()) + receivingSeconds, joined)
  const pieces = segments.map((segment, index) => ({ batch: id, index, fingerprint, ...segment }))
  try {
    await Promise.all(pieces.map(piece => storeChunk(table, partner, piece)))
  } catch (error) {
    // A late write of who gave way: it has to go before anything is stored.
    if (error instanceof Conflict) await sweepUpload(needs, announced)
    throw error
  }
  return announced
}

async function commit(
  { table, now, keys, issuer, oldestOpenPeriods }: ReceiveNeeds,
  batch: Received,
  announced: BatchPointer,
): Promise<Stored> {
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
  await commitManifest(table, { manifest, receipt, head: headAfter(before, manifest), announced })
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
